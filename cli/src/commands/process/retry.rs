//! `apiary process retry`.

use clap::Args;

use super::get::line;
use super::select::Which;
use super::view::ProcessView;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process retry 019ab2c4-5d6e-7f80-9123-456789abcdef";

/// Try a blocked process now: its back-off, snooze or `not_before` is over; not before its parents succeed
///
/// Needs the right `operate`, or the colony's own key. A dead letter or a failed process is tried again by
/// `apiary process redrive`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Its id, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let process = client.retry(process_id).await?;
    context.format.print(&ProcessView::from(process), line)
}
