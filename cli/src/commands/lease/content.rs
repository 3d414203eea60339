//! Content for a verb: as JSON on the command line, or in a file.

use std::path::Path;

use apiary_identity::limits::CONTENT_BYTES_MAX;

use crate::exit::Fault;
use crate::files;

/// Returns the bytes, if any were given; `option` is the name of the JSON option.
pub(super) fn read(option: &str, json: Option<&str>, file: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(json) = json {
        serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|error| {
            Fault::usage(format!("--{option} is not JSON: {error}")).hint("use a file for other bytes")
        })?;
        return Ok(Some(json.trim().as_bytes().to_vec()));
    }
    file.map(|path| files::read(path, CONTENT_BYTES_MAX, "outputs and checkpoints have")).transpose()
}
