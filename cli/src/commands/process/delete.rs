//! `apiary process delete`.

use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::arguments::uuid;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process delete 019ab2c4-5d6e-7f80-9123-456789abcdef --key-file keys/colony.pem";

/// Delete a process that is not running, with its spec, attempts, results and logs
///
/// Needs the colony's own key. The same signed spec does not run again if it is submitted again within its time limit.
/// Finished processes can also be deleted automatically: see `broker.retain_succeeded` and the following settings in
/// docs/configuration.md.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process
    #[arg(value_name = "ID", value_parser = uuid)]
    id: Uuid,
}

#[derive(Serialize)]
struct Answer {
    process_id: Uuid,
    deleted: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    client.delete(arguments.id).await?;
    let answer = Answer { process_id: arguments.id, deleted: true };
    context.format.print(&answer, |answer| format!("{} deleted", answer.process_id))
}
