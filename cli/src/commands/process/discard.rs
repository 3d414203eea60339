//! `apiary process discard`.

use clap::Args;

use super::select::Which;
use super::show::line;
use super::view::ProcessView;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process discard 019ab2c4-5d6e-7f80-9123-456789abcdef --reason \"the account is closed\"";

/// Discard a dead letter: it is failed from then on
///
/// Needs the right `operate`, or the colony's own key. `apiary process list --state dead_letter` lists the dead
/// letters, `apiary process show` shows the error of one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
    /// Reason, stored with the process
    #[arg(long, value_name = "WORDS", default_value = "")]
    reason: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let process = client.discard(process_id, &arguments.reason).await?;
    context.format.print(&ProcessView::from(process), line)
}
