//! A secret out of a file that a flag names: the flag is seen by others, the file is not.

use std::io::ErrorKind;
use std::path::Path;

use apiary_identity::{KeyError, read_secret_file};
use secrecy::SecretString;

use crate::exit::{Exit, Fault};

/// A URL has a few hundred bytes; more is some other file.
const BYTES_MAX: usize = 64 * 1024;

/// Reads the secret, without the white space around it.
pub(super) fn read(path: &Path) -> anyhow::Result<SecretString> {
    let text = match read_secret_file(path, BYTES_MAX) {
        Err(KeyError::Io { path, source }) if source.kind() == ErrorKind::NotFound => {
            return Err(Fault::new(Exit::NotFound, format!("{path}: {source}")).into());
        }
        Err(error @ (KeyError::Readable { .. } | KeyError::Writable { .. })) => {
            return Err(Fault::usage(error.to_string()).into());
        }
        read => read?,
    };
    Ok(SecretString::from(text.trim()))
}
