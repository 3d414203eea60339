//! Reads a secret from a file that a flag names: other users can see the flag, but not the file.

use std::io::ErrorKind;
use std::path::Path;

use apiary_identity::{KeyError, read_secret_file};
use secrecy::SecretString;

use crate::exit::{Exit, Fault};

/// Bytes of the largest file that is read; a URL has a few hundred.
const BYTES_MAX: usize = 64 * 1024;

/// Reads the secret, without surrounding white space.
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
