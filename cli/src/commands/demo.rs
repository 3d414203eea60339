//! `apiary demo`.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::arguments::duration;
use crate::context::Context;
use crate::daemon::Signals;
use crate::demo::{self, Report};
use crate::exit::Fault;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  apiary demo
  apiary demo --json | jq .subscriptions

With --json, one object: events_posted (all posts, duplicates and the forged one included), events_refused
(answered 4xx), events_duplicate (sent again, no second process), processes_succeeded (one an event), subscriptions (rows), chain_verified, elapsed_ms.";

/// Run a demonstration: a colony in a temporary folder turns signed Stripe webhooks into rows
///
/// The events of two subscriptions arrive out of order, some twice, one with a forged signature. Exits with 0 only if
/// every expectation is met; the folder is removed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print one JSON object; the same as --output json
    #[arg(long)]
    json: bool,
    /// Time limit of the demonstration
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    timeout: Duration,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let folder = tempfile::Builder::new().prefix("apiary-demo-").tempdir().context("a temporary folder")?;
    let Some(told) = signals.unless(Box::pin(demo::run(folder.path(), arguments.timeout))).await else {
        return Err(Fault::failure("interrupted").into());
    };
    let (report, unmet) = told?;
    folder.close().context("removing the temporary folder")?;
    let format = if arguments.json { Format::Json } else { context.format };
    format.print(&report, Report::text)?;
    match unmet.as_slice() {
        [] => Ok(()),
        unmet => Err(Fault::failure(format!("not as expected: {}", unmet.join("; "))).into()),
    }
}
