//! `apiary lease release`.

use std::time::Duration;

use apiary_executor_sdk::limits::SNOOZE_MAX;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::file::Which;
use crate::arguments::{duration, millis};
use crate::context::Context;
use crate::exit::Fault;

const EXAMPLES: &str = "\
Examples:
  apiary lease release --lease lease.json
  apiary lease release --lease lease.json --delay 5m";

/// Release the lease: the work can be claimed again, at once or later; no retry is spent
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Earliest time until the next claim, at most 365d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0")]
    delay: Duration,
}

/// Result of the release.
#[derive(Serialize)]
struct ReleaseOutput {
    process_id: Uuid,
    attempt: i32,
    delay_ms: i64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let delay = arguments.delay;
    if delay > SNOOZE_MAX {
        return Err(Fault::usage(format!("--delay is at most 365d; got {delay:?}")).into());
    }
    let held = arguments.which.open(context, &[])?;
    let (process_id, attempt) = (held.subject.process_id, held.subject.attempt);
    held.client.release_for(process_id, attempt, delay).await?;
    let released = ReleaseOutput { process_id, attempt, delay_ms: millis(delay) };
    context.format.print(&released, |released| match delay {
        Duration::ZERO => format!("{} is released", released.process_id),
        delay => format!("{} is released, to be claimed after {delay:?}", released.process_id),
    })
}
