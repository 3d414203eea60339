//! `apiary lease fail`.

use std::time::Duration;

use apiary_executor_sdk::Failure;
use apiary_identity::OutcomeKind;
use clap::Args;

use super::ending::{self, EndedView};
use super::file::Which;
use crate::arguments::duration;
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  apiary lease fail --lease lease.json --message 'the printer is out of paper'
  apiary lease fail --lease lease.json --message 'the bank asks us to wait' --retry-after 10m
  apiary lease fail --lease lease.json --message 'no such customer' --final
  apiary lease fail --lease lease.json --message 'stopped as asked' --cancelled";

/// End the attempt with failure: sign its result, and deliver it
///
/// Another attempt follows if the process has retries left, unless --final or --cancelled is given.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Description of the failure. People can read it: do not include secrets
    #[arg(long, value_name = "TEXT")]
    message: String,
    /// Do not retry: no attempt can succeed
    #[arg(long = "final", conflicts_with_all = ["retry_after", "cancelled"])]
    is_final: bool,
    /// Earliest start of the next attempt, from now; overrides the back-off
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "cancelled")]
    retry_after: Option<Duration>,
    /// The attempt stopped because the process is being cancelled, as reported by `lease renew`
    #[arg(long)]
    cancelled: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let held = arguments.which.open(context, &[])?;
    let message = &arguments.message;
    let signed = if arguments.cancelled {
        held.subject.ended(&held.client, OutcomeKind::Cancelled, message)?
    } else {
        let failure = match (arguments.is_final, arguments.retry_after) {
            (true, _) => Failure::fatal(message),
            (false, None) => Failure::retryable(message),
            (false, Some(after)) => Failure::retryable(message).retry_after(after),
        };
        held.subject.failed(&held.client, &failure)?
    };
    let view = ending::send(&held, &signed).await?;
    context.format.print(&view, EndedView::text)
}
