//! `apiary key new`.

use std::path::PathBuf;

use apiary_identity::{KeyPair, write_key_file};
use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::context::Context;
use crate::passphrase;

const EXAMPLES: &str = "\
Examples:
  apiary key new colony.pem
  APIARY_KEY_PASSPHRASE=… apiary key new --encrypt owner.pem";

/// Generate a key pair in a new file (mode 0600), and print its id
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The new file; an existing one is never overwritten
    file: PathBuf,
    /// Encrypt the key with a passphrase: from $APIARY_KEY_PASSPHRASE, or entered at the terminal
    #[arg(long)]
    encrypt: bool,
}

#[derive(Serialize)]
struct Made {
    id: String,
    file: String,
    encrypted: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let passphrase = if arguments.encrypt {
        Some(passphrase::chosen(&context.settings, &arguments.file.display().to_string())?)
    } else {
        None
    };
    let key = KeyPair::generate();
    write_key_file(&arguments.file, &key, passphrase.as_ref().map(|secret| secret.expose_secret()))?;
    let made =
        Made { id: key.id().to_string(), file: arguments.file.display().to_string(), encrypted: arguments.encrypt };
    context.format.print(&made, |made| made.id.clone())
}
