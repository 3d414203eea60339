//! `apiary process export`.

use apiary_executor_sdk::bundle::Bundle;
use clap::Args;

use super::archived;
use super::select::Which;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process export latest > process.json
  apiary process verify process.json --colony ed25519:…";

/// Print all that was signed about a process, as one JSON document
///
/// The colony's id is enough to check it without a broker, with `apiary process verify FILE` or a program of your own
/// (docs/protocol.md).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let answer = archived::get_process(&client, &context.settings, process_id).await?;
    if answer.payload_hidden {
        let words = format!("process {process_id} cannot be exported: its spec and results are hidden");
        let hint = "ask with its submitter's or the colony's key, or for a grant with the right `view_payloads`";
        return Err(Fault::new(Exit::Refused, words).hint(hint).into());
    }
    let bundle = Bundle::new(client.colony(), &answer)?;
    context.format.print(&bundle, |bundle| serde_json::to_string_pretty(bundle).unwrap_or_default())
}
