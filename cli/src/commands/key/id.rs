//! `apiary key id`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::keys;

const EXAMPLES: &str = "\
Examples:
  apiary key id colony.pem
  export APIARY_COLONY=$(apiary key id colony.pem)";

/// Print the id of a key: `ed25519:…`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A secret or public key file (PEM); `-` is standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct IdOutput {
    id: String,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let named = IdOutput { id: keys::id_from_file(&context.settings, &arguments.file)?.to_string() };
    context.format.print(&named, |named| named.id.clone())
}
