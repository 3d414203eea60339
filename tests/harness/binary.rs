//! The `apiary` program, for tests that need real processes.

use std::path::PathBuf;

/// Environment variable with another `apiary` binary to test, such as that of a release build.
const OTHER_BINARY: &str = "APIARY_TEST_BINARY";

/// Returns the path of the `apiary` binary of this build, unless `APIARY_TEST_BINARY` names another. `cargo xtask test`
/// builds it before the tests start.
#[expect(clippy::panic, reason = "a test without its subject must fail, and say what to do")]
pub fn apiary_binary() -> PathBuf {
    let name = format!("apiary{}", std::env::consts::EXE_SUFFIX);
    if let Some(other) = std::env::var_os(OTHER_BINARY) {
        return PathBuf::from(other);
    }
    // A test binary lies in `<target>/<profile>/deps`, the program beside that folder.
    let found = std::env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.join(&name)));
    match found {
        Some(binary) if binary.is_file() => binary,
        _ => panic!("the `apiary` program is not built: run `cargo xtask test`, or `cargo build --package apiary`"),
    }
}
