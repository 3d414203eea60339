//! Signing secrets of webhook sources, for tests, if the settings name none: generated once.

use std::path::Path;

use apiary_adapters::Source;
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

use super::folder::{Folder, read_private, signing_secret_in, write_private};
use crate::exit::Fault;

/// Characters after the prefix, as in Stripe's own secrets.
const CHARS: usize = 32;
/// Bytes of the largest file that is read.
const BYTES_MAX: usize = 1024;

/// Reads the secret of a source; generates a missing one.
pub(super) fn open(folder: &Folder, source: &dyn Source, prefix: &str) -> anyhow::Result<SecretString> {
    let path = folder.signing_secret(source);
    if !path.exists() {
        let random: String = rand::rng().sample_iter(Alphanumeric).take(CHARS).map(char::from).collect();
        write_private(&path, &format!("{prefix}{random}\n"))?;
    }
    let secret = read(folder.path(), source)?;
    secret.ok_or_else(|| Fault::failure(format!("{} is missing: start again", path.display())).into())
}

/// Reads the secret of a source in a data folder; `None` if there is none.
pub(super) fn read(folder: &Path, source: &dyn Source) -> anyhow::Result<Option<SecretString>> {
    let path = signing_secret_in(folder, source);
    let Some(text) = read_private(&path, BYTES_MAX)? else { return Ok(None) };
    match text.trim().strip_prefix(source.trial_secret_prefix().unwrap_or_default()) {
        Some(rest) if rest.len() >= CHARS => Ok(Some(SecretString::from(text.trim()))),
        _ => {
            let variable = source.secrets().variables().pop().unwrap_or_default();
            Err(Fault::failure(format!("{} holds no webhook signing secret", path.display()))
                .hint(format!("move it away, and `apiary up` makes a new one; or set {variable}"))
                .into())
        }
    }
}
