//! `apiary colony create`.

use std::path::PathBuf;

use apiary_identity::{Id, check_colony_name};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Fault;
use crate::{keys, profile};

const EXAMPLES: &str = "\
Examples:
  apiary colony create production --colony-key colony.pem --key-file owner.pem
  apiary colony create production --id ed25519:… --key-file owner.pem";

/// Create a colony, with the server owner's key; safe to repeat
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the colony: 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    name: String,
    /// A file with the colony's key, secret or public
    #[arg(long, value_name = "FILE", conflicts_with = "id", required_unless_present = "id")]
    colony_key: Option<PathBuf>,
    /// Id of the colony, instead of its key file
    #[arg(long, value_name = "ID")]
    id: Option<Id>,
}

#[derive(Serialize)]
struct CreateOutput {
    colony_id: String,
    name: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    check_colony_name(&arguments.name).map_err(|error| Fault::usage(error.to_string()))?;
    let id = match (&arguments.id, &arguments.colony_key) {
        (Some(id), _) => *id,
        (None, file) => keys::id_from_file(&context.settings, file.as_deref().unwrap_or("-".as_ref()))?,
    };
    let owner = keys::from_settings(&context.settings)?;
    let colony = profile::client_as(&context.settings, id, owner)?.create_colony(&arguments.name).await?;
    let created = CreateOutput { colony_id: colony.colony_id, name: colony.name };
    context.format.print(&created, |created| created.colony_id.clone())
}
