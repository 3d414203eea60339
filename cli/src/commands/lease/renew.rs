//! `apiary lease renew`.

use std::fmt::Write as _;
use std::time::Duration;

use apiary_executor_sdk::limits::{LEASE_MAX, LEASE_MIN};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::file::Which;
use crate::arguments::duration;
use crate::context::Context;
use crate::exit::{Exit, Fault, Quiet};
use crate::output::plain;

const EXAMPLES: &str = "\
Examples:
  apiary lease renew --lease lease.json
  apiary lease renew --lease lease.json --for 5m -o json | jq -r .expires_at";

/// Renew a lease, and check whether its work should stop
///
/// Exits with 9 if the process is being cancelled: stop, and run `lease fail --cancelled`. Exits with 3 if the lease is
/// lost: stop, and report nothing.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Length of the lease from now, 1s to 1h
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "60s")]
    length: Duration,
}

/// A renewed lease.
#[derive(Serialize)]
struct RenewOutput {
    process_id: Uuid,
    attempt: i32,
    expires_at: Option<Timestamp>,
    cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<String>,
    /// End of the lease because of a cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_deadline: Option<Timestamp>,
    /// True if the executor should claim no more work.
    drain: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if !(LEASE_MIN..=LEASE_MAX).contains(&arguments.length) {
        return Err(Fault::usage(format!("--for: a lease lasts 1s to 1h; got {:?}", arguments.length)).into());
    }
    let held = arguments.which.open(context, &[])?;
    let (process_id, attempt) = (held.subject.process_id, held.subject.attempt);
    let answer = held.client.renew(process_id, attempt, arguments.length).await?;
    let moment = |ms: i64| Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0);
    let renewed = RenewOutput {
        process_id,
        attempt,
        expires_at: moment(answer.expires_at_ms),
        cancelled: answer.cancelled,
        cancel_reason: answer.cancelled.then_some(answer.cancel_reason),
        cancel_deadline: moment(answer.cancel_deadline_ms),
        drain: answer.drain,
    };
    context.format.print(&renewed, RenewOutput::text)?;
    if renewed.cancelled { Err(Quiet(Exit::Cancelled).into()) } else { Ok(()) }
}

impl RenewOutput {
    /// Formats the lease.
    fn text(&self) -> String {
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let mut text = format!("{} until {}", self.process_id, moment(self.expires_at));
        if let Some(reason) = &self.cancel_reason {
            let _ = write!(text, ", being cancelled, until {} at the latest", moment(self.cancel_deadline));
            if !reason.is_empty() {
                let _ = write!(text, ": {}", plain(reason));
            }
        }
        if self.drain {
            text.push_str("; claim no more for now");
        }
        text
    }
}
