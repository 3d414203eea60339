//! The signing secret of Stripe's webhooks, for tests, if the settings name none: generated once.

use std::path::Path;

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

use super::folder::{Folder, read_private, signing_secret_in, write_private};
use crate::exit::Fault;

/// Characters after `whsec_`, as in Stripe's own secrets.
const CHARS: usize = 32;
/// Bytes of the largest file that is read.
const BYTES_MAX: usize = 1024;
const PREFIX: &str = "whsec_";

/// Reads the secret; generates a missing one.
pub(super) fn open(folder: &Folder) -> anyhow::Result<SecretString> {
    let path = folder.signing_secret();
    if !path.exists() {
        let random: String = rand::rng().sample_iter(Alphanumeric).take(CHARS).map(char::from).collect();
        write_private(&path, &format!("{PREFIX}{random}\n"))?;
    }
    let secret = read(folder.path())?;
    secret.ok_or_else(|| Fault::failure(format!("{} is gone: start again", path.display())).into())
}

/// Reads the secret of a data folder; `None` if there is none.
pub(super) fn read(folder: &Path) -> anyhow::Result<Option<SecretString>> {
    let path = signing_secret_in(folder);
    let Some(text) = read_private(&path, BYTES_MAX)? else { return Ok(None) };
    match text.trim().strip_prefix(PREFIX) {
        Some(rest) if rest.len() >= CHARS => Ok(Some(SecretString::from(text.trim()))),
        _ => Err(Fault::failure(format!("{} holds no webhook signing secret", path.display()))
            .hint("move it away, and `apiary up` makes a new one; or set STRIPE_WEBHOOK_SECRET")
            .into()),
    }
}
