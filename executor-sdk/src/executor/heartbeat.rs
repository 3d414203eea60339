//! Keeping a lease while its work is done.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use apiary_daemon::Supervisor;
use apiary_protocol::Reason;
use backon::ExponentialBackoff;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Client;
use crate::error::clipped;
use crate::limits::{BACKOFF_MOST, CANCEL_LOOK_MIN};
use crate::retry::pauses;

/// Of the words of a cancellation, so many go to the log.
const REASON_CHARS_MAX: usize = 512;

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

/// Tells the keeper of a lease and the one who does the work of each other: that the process is being cancelled, and why.
#[derive(Debug, Default)]
pub(super) struct Notice {
    reason: OnceLock<String>,
    told: CancellationToken,
}

impl Notice {
    /// Completes when the process is being cancelled.
    pub(super) async fn given(&self) {
        self.told.cancelled().await;
    }

    /// Why, if it is being cancelled.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    fn give(&self, reason: &str) {
        // The first words stay. They are the broker's, and go to the log.
        let _ = self.reason.set(clipped(reason, REASON_CHARS_MAX));
        self.told.cancel();
    }
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

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "the broker gave it away",
            Self::Over => "it ended before the broker could be reached",
            Self::ExecTimeOver => "the spec's time for one attempt is over",
        })
    }
}

/// Keeps a lease until it is lost, and gives notice when the process is being cancelled; the lease then goes on until the broker ends
/// it, at the deadline. Started again after a panic with what it knows, for as long as the lease lasts.
pub(super) async fn keep(client: &Client, held: &Held, notice: &Notice, tasks: &Supervisor) -> Lost {
    let mut beats = Beats::new(client, held, notice);
    let mut life = tasks.life("heartbeats", CancellationToken::new());
    loop {
        if let Some(lost) = life.run(beats.run()).await {
            return lost;
        }
    }
}

/// The renewals of one lease.
struct Beats<'a> {
    client: &'a Client,
    held: &'a Held,
    notice: &'a Notice,
    /// The end of the time that the attempt may take.
    exec_end: Option<Instant>,
    lease_end: Instant,
    /// The time of the next renewal.
    next: Instant,
    tries: ExponentialBackoff,
}

impl<'a> Beats<'a> {
    fn new(client: &'a Client, held: &'a Held, notice: &'a Notice) -> Self {
        let exec_end = held.max_exec.and_then(|most| held.claimed_at.checked_add(most));
        let (lease_end, next) = (held.claimed_at + held.lease, held.claimed_at + held.lease / 3);
        Self { client, held, notice, exec_end, lease_end, next, tries: pauses() }
    }

    /// Renews the lease each third of its length; ends when it is lost.
    async fn run(&mut self) -> Lost {
        let Self { client, held, notice, .. } = *self;
        loop {
            let (end, lost) = match self.exec_end {
                Some(exec_end) if exec_end <= self.lease_end => (exec_end, Lost::ExecTimeOver),
                _ => (self.lease_end, Lost::Over),
            };
            sleep_until(self.next.min(end)).await;
            let asked_at = Instant::now();
            if asked_at >= end {
                return lost;
            }
            match timeout_at(end, client.renew(held.process_id, held.attempt, held.lease)).await {
                Ok(Ok(renewed)) => {
                    (self.lease_end, self.next) = (asked_at + held.lease, asked_at + held.lease / 3);
                    self.tries = pauses();
                    if renewed.cancelled {
                        self.next = self.next.min(asked_at + until_deadline(client, renewed.cancel_deadline_ms));
                        notice.give(&renewed.cancel_reason);
                    }
                }
                Ok(Err(error)) if error.is(&Reason::LeaseLost) => return Lost::Taken,
                Ok(Err(error)) => {
                    tracing::debug!(process_id = %held.process_id, attempt = held.attempt, %error, "lease not renewed");
                    self.next = Instant::now() + self.tries.next().unwrap_or(BACKOFF_MOST).min(held.lease / 6);
                }
                Err(_) => return lost,
            }
        }
    }
}

/// How long until the broker ends a lease that is being cancelled, by this machine's clock. It only says when to ask next: whether
/// the lease is over is for the broker to say.
fn until_deadline(client: &Client, deadline_ms: i64) -> Duration {
    let left_ms = deadline_ms.saturating_sub(client.clock().now_ms());
    Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(CANCEL_LOOK_MIN)
}
