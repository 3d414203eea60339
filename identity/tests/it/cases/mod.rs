//! Known answers that others published, read through `APIARY_CASES`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a case that cannot be read fails the test that wants it")]

mod ed25519;
mod json;
mod keys;

use std::path::PathBuf;

/// A file of the published cases.
fn path(name: &str) -> PathBuf {
    let Some(folder) = std::env::var_os("APIARY_CASES") else {
        panic!("APIARY_CASES is not set: run `cargo xtask test`");
    };
    PathBuf::from(folder).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask test`", path.display()))
}

fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}
