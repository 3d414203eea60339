//! The secret that Stripe's webhooks are signed with, where the settings name none: made once, for trying things out.

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

use super::folder::{Folder, read_private, write_private};
use crate::exit::Fault;

/// Characters after `whsec_`, as many as Stripe's own have.
const CHARS: usize = 32;
const PREFIX: &str = "whsec_";

/// Reads the secret; makes it if it is missing.
pub(super) fn open(folder: &Folder) -> anyhow::Result<SecretString> {
    let path = folder.signing_secret();
    if read_private(&path, 1024)?.is_none() {
        let random: String = rand::rng().sample_iter(Alphanumeric).take(CHARS).map(char::from).collect();
        write_private(&path, &format!("{PREFIX}{random}\n"))?;
    }
    let text = read_private(&path, 1024)?.unwrap_or_default();
    match text.trim().strip_prefix(PREFIX) {
        Some(rest) if rest.len() >= CHARS => Ok(SecretString::from(text.trim())),
        _ => Err(Fault::failure(format!("{} holds no webhook signing secret", path.display()))
            .hint("move it away, and `apiary up` makes a new one; or set STRIPE_WEBHOOK_SECRET")
            .into()),
    }
}
