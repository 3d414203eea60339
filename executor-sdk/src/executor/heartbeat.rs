//! Renewal of a lease during its work.

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

/// Characters of a cancellation's reason in the log.
const REASON_CHARS_MAX: usize = 512;

/// A lease held by this executor.
///
/// The end is computed from the requested length and this machine's monotonic clock, not from the time that the broker
/// sends: clocks differ, and a compromised broker could send any time. If this is wrong, the broker still protects the
/// process: it accepts no result of a lease that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeartbeatLease {
    pub(super) process_id: Uuid,
    pub(super) attempt: i32,
    pub(super) lease: Duration,
    pub(super) claimed_at: Instant,
    /// Longest duration of the attempt, even if renewed.
    pub(super) max_exec: Option<Duration>,
}

/// Signal from the renewal of a lease to its work that the process is being cancelled, with the reason.
#[derive(Debug, Default)]
pub(super) struct Notice {
    reason: OnceLock<String>,
    told: CancellationToken,
}

impl Notice {
    /// Waits until the process is being cancelled.
    pub(super) async fn given(&self) {
        self.told.cancelled().await;
    }

    /// Returns the reason, if the process is being cancelled.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    fn give(&self, reason: &str) {
        // Every renewal repeats the notice; the first reason stays. It is untrusted text for the log, hence cut.
        let _ = self.reason.set(clipped(reason, REASON_CHARS_MAX));
        self.told.cancel();
    }
}

/// The reason why a lease was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossReason {
    /// The broker reports it as lost.
    Taken,
    /// The lease ended before the broker could be reached.
    Over,
    /// The spec's `max_exec_ms` is over.
    ExecTimeOver,
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "the broker gave it away",
            Self::Over => "it ended before the broker could be reached",
            Self::ExecTimeOver => "the spec's time for one attempt is over",
        })
    }
}

/// Renews a lease until it is lost, and notifies when the process is being cancelled; then the lease continues until
/// the broker ends it, at the deadline. Restarts after a panic with its state, for as long as the lease lasts.
pub(super) async fn keep(client: &Client, held: &HeartbeatLease, notice: &Notice, tasks: &Supervisor) -> LossReason {
    let mut beats = Beats::new(client, held, notice);
    // A token that is never cancelled: work in progress keeps its lease while the executor drains.
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
    held: &'a HeartbeatLease,
    notice: &'a Notice,
    /// End of the longest time of the attempt.
    exec_end: Option<Instant>,
    lease_end: Instant,
    /// Time of the next renewal.
    next: Instant,
    tries: ExponentialBackoff,
}

impl<'a> Beats<'a> {
    fn new(client: &'a Client, held: &'a HeartbeatLease, notice: &'a Notice) -> Self {
        let exec_end = held.max_exec.and_then(|most| held.claimed_at.checked_add(most));
        let (lease_end, next) = (held.claimed_at + held.lease, held.claimed_at + held.lease / 3);
        Self { client, held, notice, exec_end, lease_end, next, tries: pauses() }
    }

    /// Renews the lease each third of its length, so that two renewals may fail before it ends. Returns when it is
    /// lost.
    async fn run(&mut self) -> LossReason {
        let Self { client, held, notice, .. } = *self;
        loop {
            let (end, lost) = match self.exec_end {
                Some(exec_end) if exec_end <= self.lease_end => (exec_end, LossReason::ExecTimeOver),
                _ => (self.lease_end, LossReason::Over),
            };
            sleep_until(self.next.min(end)).await;
            // Measured before the call: the broker starts the new lease later than this, so that the end computed here
            // is never too late.
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
                // Only this reason ends the work. Any other error may be a proxy's or a broker's that restarts, and the
                // lease still lasts.
                Ok(Err(error)) if error.is(&Reason::LeaseLost) => return LossReason::Taken,
                Ok(Err(error)) => {
                    tracing::debug!(process_id = %held.process_id, attempt = held.attempt, %error, "lease not renewed");
                    // At most a sixth of the lease, so that several tries fit into the rest of it.
                    self.next = Instant::now() + self.tries.next().unwrap_or(BACKOFF_MOST).min(held.lease / 6);
                }
                Err(_) => return lost,
            }
        }
    }
}

/// Returns the time until the broker ends the lease of a cancelled process, by this machine's clock. Used only for the
/// time of the next renewal: the broker decides whether the lease is over.
fn until_deadline(client: &Client, deadline_ms: i64) -> Duration {
    let left_ms = deadline_ms.saturating_sub(client.clock().now_ms());
    Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(CANCEL_LOOK_MIN)
}
