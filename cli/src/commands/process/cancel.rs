//! `apiary process cancel`.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use clap::Args;

use super::select::Which;
use super::show::line;
use super::view::ProcessView;
use crate::arguments::duration;
use crate::context::Context;
use crate::output::note;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process cancel 019ab2c4-5d6e-7f80-9123-456789abcdef --reason \"wrong customer\"
  apiary process cancel latest --grace 0";

/// Cancel a process. A running one is told to stop, and is ended after a grace period in any case
///
/// Needs the right `cancel`, or the colony's own key; or `cancel_own`, if your key submitted it. A finished process is rejected.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
    /// Reason, stored with the process
    #[arg(long, value_name = "WORDS", default_value = "")]
    reason: String,
    /// Time in which a running process may stop by itself, at most 1h; 0 ends it at once
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    grace: Duration,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let process = client.cancel(process_id, &arguments.reason, Some(arguments.grace)).await?;
    if process.state() == ProcessState::Running {
        note(&format!("its executor is told with its next heartbeat: `apiary process watch {process_id}`"));
    }
    context.format.print(&ProcessView::from(process), line)
}
