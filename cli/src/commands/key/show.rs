//! `apiary key show`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::keys;

const EXAMPLES: &str = "\
Examples:
  apiary key show operator.pem
  apiary key show operator.pem -o json | jq -r .public_key_pem > operator.pub";

/// Show the public half of a key: its id, and the public key as PEM
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A secret or public key file (PEM); `-` is standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct Public {
    id: String,
    public_key_pem: String,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let id = keys::id_from_file(&context.settings, &arguments.file)?;
    let public = Public { id: id.to_string(), public_key_pem: id.to_spki_pem() };
    context.format.print(&public, |public| format!("{}\n{}", public.id, public.public_key_pem))
}
