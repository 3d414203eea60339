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

/// Delete a process that does not run, with its spec, attempts, results and logs
///
/// Needs the colony's own key. The same signed spec submitted again does not run again while it could still be submitted.
/// What is finished can be deleted after a while by itself: `broker.retain_succeeded` and its kin in docs/configuration.md.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Its id
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
