//! `apiary snapshot`.

use clap::Args;

use crate::context::Context;
use crate::output::print_line;
use crate::{profile, snapshot};

const EXAMPLES: &str = "\
Examples:
  apiary snapshot | jq '.states'
  apiary snapshot | jq -r '.queues[] | select(.oldest_age_ms > 60000) | .executor_type'
  apiary snapshot > \"colony-$(date +%F).json\"";

/// Print the colony's state as one JSON document: counts, queues, executors, pauses, limits, findings
///
/// Its form has a version, and is described by docs/snapshot.schema.json. Needs the right `read`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let snapshot = snapshot::read(&client, &context.settings).await?;
    print_line(&serde_json::to_string(&snapshot)?)
}
