//! `apiary process retry`.

use clap::Args;

use super::select::Which;
use super::show::line;
use super::view::ProcessView;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process retry 019ab2c4-5d6e-7f80-9123-456789abcdef";

/// Retry a blocked process now, which ends its back-off, snooze or `not_before`, but not its wait for parents
///
/// Needs the right `operate`, or the colony's own key. For a dead letter or a failed process, use `apiary process
/// redrive`.
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
    let process = client.retry(process_id).await?;
    context.format.print(&ProcessView::from(process), line)
}
