//! Keeping a lease while its work is done.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::Client;
use crate::limits::BACKOFF_MOST;
use crate::retry::pauses;

/// A lease in hand.
///
/// How long it lasts is reckoned from what was asked for and this machine's steady clock, and not from the time
/// of its end that the broker sends: clocks differ, and a broken-into broker could send any time at all. Where
/// that is wrong, the broker's fence is right: it takes no result of a lease that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) process_id: Uuid,
    pub(super) attempt: i32,
    pub(super) lease: Duration,
    pub(super) claimed_at: Instant,
    /// The longest that the attempt may take, renewed or not.
    pub(super) max_exec: Option<Duration>,
}

/// How a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The broker says so.
    Taken,
    /// It ended before the broker could be reached.
    Over,
    /// The spec's `max_exec_ms` is over.
    ExecTimeOver,
}

/// Renews a lease each third of its length; ends when it is lost.
pub(super) async fn keep(client: &Client, held: &Held) -> Lost {
    let exec_end = held.max_exec.and_then(|most| held.claimed_at.checked_add(most));
    let mut lease_end = held.claimed_at + held.lease;
    let mut next = held.claimed_at + held.lease / 3;
    let mut tries = pauses();
    loop {
        let (end, lost) = match exec_end {
            Some(exec_end) if exec_end <= lease_end => (exec_end, Lost::ExecTimeOver),
            _ => (lease_end, Lost::Over),
        };
        sleep_until(next.min(end)).await;
        let asked_at = Instant::now();
        if asked_at >= end {
            return lost;
        }
        match timeout_at(end, client.renew(held.process_id, held.attempt, held.lease)).await {
            Ok(Ok(_)) => {
                (lease_end, next, tries) = (asked_at + held.lease, asked_at + held.lease / 3, pauses());
            }
            Ok(Err(error)) if error.is("LEASE_LOST") => return Lost::Taken,
            Ok(Err(error)) => {
                tracing::debug!(process_id = %held.process_id, attempt = held.attempt, %error, "lease not renewed");
                next = Instant::now() + tries.next().unwrap_or(BACKOFF_MOST).min(held.lease / 6);
            }
            Err(_) => return lost,
        }
    }
}
