//! Every bound of the adapters, named: those that an operator may set, and those that are fixed.

use std::time::Duration;

use apiary_identity::limits::CONTENT_BYTES_MAX;

use crate::StartError;

/// Bytes of bodies that are in memory at the same time, over all connections.
pub(crate) const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same, of requests on connections over which no event with a right signature came yet.
pub(crate) const STRANGERS_BODIES_BYTES_MAX: usize = 48 * 1024 * 1024;
/// The same, of one address, or of one connection over which events came.
pub(crate) const SHARE_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of a body to which others give way at once; most events are that small.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body beyond its limit that are still read, so that the client gets to read the answer.
pub(crate) const DISCARD_BYTES_MAX: usize = 1024 * 1024;
/// Longest time that the next bytes of a body may take.
pub(crate) const BODY_STALL_MAX: Duration = Duration::from_secs(5);
/// Longest time that a connection may be without a request.
pub(crate) const IDLE_TIME_MAX: Duration = Duration::from_secs(300);
/// Characters of a path that webhooks come to.
pub(crate) const PATH_CHARS_MAX: usize = 256;

/// What waits for the spool's writer; beyond it, callers wait.
pub(crate) const SPOOL_QUEUE_MAX: usize = 256;
/// What the spool's writer commits together.
pub(crate) const SPOOL_BATCH_MAX: usize = 128;
/// Bytes of events that it commits together; a single event may have more.
pub(crate) const SPOOL_BATCH_BYTES_MAX: usize = 256 * 1024;
/// Pages of SQLite's log, 4 KiB each, after which they are brought into the file.
pub(crate) const SPOOL_LOG_PAGES: &str = "64";
/// Bytes on the spool's disk that are kept for a full one, the first that there is room for: more than the log and the next
/// commit hold together.
pub(crate) const SPOOL_RESERVE_BYTES: [u64; 3] = [3 * 1024 * 1024, 1024 * 1024, 384 * 1024];
/// Bytes that must be free beside a reserve that was given up, before it is made anew: more than the log gives back.
pub(crate) const SPOOL_RESERVE_MARGIN_BYTES: u64 = 512 * 1024;
/// A commit that is not older proves that the spool takes events; without one, a question after its health writes.
pub(crate) const SPOOL_COMMIT_AGE_MAX: Duration = Duration::from_secs(5);
/// Longest time that the spool's disk may take to prove it.
pub(crate) const SPOOL_PROOF_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest time that an operator's command waits for the adapter to finish a write.
pub(crate) const SPOOL_FILE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Events that a list of what was set aside shows.
pub(crate) const SET_ASIDE_LIST_MAX: i64 = 1000;
/// Interval at which the adapter looks whether an operator's command changed the spool's file.
pub(crate) const SPOOL_REFRESH: Duration = Duration::from_secs(1);
/// Characters of the broker's words that are kept with an event that was set aside.
pub(crate) const REFUSAL_CHARS_MAX: usize = 1024;

/// How long the forwarder waits for one answer of the broker's.
pub(crate) const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that the forwarder waits for the answer whether the broker is ready.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// The forwarder's first pause after a submit that failed; it doubles.
pub(crate) const FORWARD_PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The forwarder's longest pause while the broker is away: how late it may notice that the broker is back.
pub(crate) const FORWARD_PAUSE_AWAY_MAX: Duration = Duration::from_secs(5);
/// The forwarder's longest pause while the broker refuses, which only a person can change.
pub(crate) const FORWARD_PAUSE_REFUSED_MAX: Duration = Duration::from_secs(60);
/// The shortest pause between the chances of events that were set aside.
pub(crate) const SET_ASIDE_RETRY_MIN: Duration = Duration::from_secs(60);
/// The longest pause between the chances of events that were set aside.
pub(crate) const SET_ASIDE_RETRY_MAX: Duration = Duration::from_secs(3600);

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct WebhookLimits {
    /// The largest body, in bytes; more is answered 413. At most what a spec can hold.
    pub body_bytes_max: usize,
    /// How long a client may take to send its body; longer is answered 408.
    pub body_timeout: Duration,
    /// The largest head of a request, in bytes, from 1 KiB to 64 KiB; more is answered 431.
    pub header_bytes_max: usize,
    /// How long a client may take to send the head of a request, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// Connections at the same time; for another, one of those without a signed event gives way.
    pub connections_max: usize,
    /// Connections from one address at the same time over which no signed event came.
    pub connections_per_peer_max: usize,
    /// How long the broker has to commit an event before the event goes to the spool instead.
    pub submit_timeout: Duration,
    /// How long it may take to answer an event that has arrived, the way over the spool included; longer is answered
    /// 503.
    pub answer_timeout: Duration,
    /// Events that the spool holds, those set aside included; beyond it, events are answered 503.
    pub spool_events_max: u64,
    /// The same in bytes of events.
    pub spool_bytes_max: u64,
    /// How long requests in progress may go on after the stop began.
    pub drain_timeout: Duration,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: CONTENT_BYTES_MAX,
            body_timeout: Duration::from_secs(10),
            header_bytes_max: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            connections_max: 1024,
            connections_per_peer_max: 256,
            submit_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(5),
            spool_events_max: 1_000_000,
            spool_bytes_max: 1024 * 1024 * 1024,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl WebhookLimits {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if !(1..=CONTENT_BYTES_MAX).contains(&self.body_bytes_max) {
            return Err(StartError::setting("body_bytes_max", format!("is 1 to {CONTENT_BYTES_MAX} bytes")));
        }
        if !(1024..=64 * 1024).contains(&self.header_bytes_max) {
            return Err(StartError::setting("header_bytes_max", "is 1024 to 65536 bytes"));
        }
        if !(1..=100_000).contains(&self.connections_max) {
            return Err(StartError::setting("connections_max", "is 1 to 100000"));
        }
        if !(1..=100_000).contains(&self.connections_per_peer_max) {
            return Err(StartError::setting("connections_per_peer_max", "is 1 to 100000"));
        }
        if self.spool_events_max == 0 || self.spool_bytes_max == 0 {
            return Err(StartError::setting(
                "spool_events_max",
                "and `spool_bytes_max` are at least 1: events need a way out",
            ));
        }
        let timeouts = [
            ("body_timeout", self.body_timeout),
            ("header_timeout", self.header_timeout),
            ("submit_timeout", self.submit_timeout),
            ("answer_timeout", self.answer_timeout),
        ];
        for (setting, timeout) in timeouts {
            if timeout.is_zero() || timeout > Duration::from_secs(60) {
                return Err(StartError::setting(setting, "is more than 0 and at most 60 s"));
            }
        }
        if self.submit_timeout >= self.answer_timeout {
            return Err(StartError::setting(
                "submit_timeout",
                "is less than `answer_timeout`: an event that the broker did not take needs time to get to the spool",
            ));
        }
        Ok(())
    }
}
