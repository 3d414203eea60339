//! Public test data, which come with `APIARY_CASES`.

use serde_json::Value;

/// Reads a file of the test data.
pub(crate) fn case(path: &str) -> Value {
    let folder =
        std::env::var("APIARY_CASES").unwrap_or_else(|_| panic!("APIARY_CASES is not set: run `cargo xtask test`"));
    let path = std::path::Path::new(&folder).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}
