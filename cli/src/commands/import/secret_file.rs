//! A secret out of a file that a flag names: the flag is seen by others, the file is not.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::exit::{Exit, Fault};
use crate::keys;

/// A URL has a few hundred bytes; more is some other file.
const BYTES_MAX: u64 = 64 * 1024;

/// Reads the secret, without the white space around it. A file that others can read is refused.
pub(super) fn read(path: &Path) -> anyhow::Result<SecretString> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| Fault::new(Exit::NotFound, format!("{shown}: {error}")))?;
    let mode = file.metadata().with_context(|| shown.to_string())?.mode();
    if mode & 0o077 != 0 && !keys::is_credential(path) {
        return Err(Fault::usage(format!(
            "{shown} holds a secret and can be read by others (mode {:04o}): run `chmod 600 {shown}`",
            mode & 0o7777
        ))
        .into());
    }
    let mut text = Zeroizing::new(String::new());
    file.take(BYTES_MAX).read_to_string(&mut text).with_context(|| shown.to_string())?;
    Ok(SecretString::from(text.trim()))
}
