//! Bounds of the adapters: those that an operator may set, and fixed ones.

use std::time::Duration;

use apiary_identity::limits::CONTENT_BYTES_MAX;

use crate::StartError;

/// Bytes of bodies in memory at the same time, over all connections.
pub(crate) const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Part of these bytes for connections that have not sent a correctly signed event yet.
pub(crate) const STRANGERS_BODIES_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Part of these bytes for one address, or for one connection that has sent such an event.
pub(crate) const SHARE_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Largest body that larger ones give way to at once, in bytes; most events are smaller.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body beyond its limit that are still read, so that the client can read the answer.
pub(crate) const DISCARD_BYTES_MAX: usize = 1024 * 1024;
/// Longest wait for the next bytes of a body.
pub(crate) const BODY_STALL_MAX: Duration = Duration::from_secs(5);
/// Longest time of a connection without a request.
pub(crate) const IDLE_TIME_MAX: Duration = Duration::from_secs(300);

/// Jobs that queue for the spool's writer; beyond it, callers wait.
pub(crate) const SPOOL_QUEUE_MAX: usize = 256;
/// Jobs that the spool's writer commits together.
pub(crate) const SPOOL_BATCH_MAX: usize = 128;
/// Bytes of events in one commit; a single event may have more.
pub(crate) const SPOOL_BATCH_BYTES_MAX: usize = 256 * 1024;
/// Pages of SQLite's log, 4 KiB each, after which they are moved into the file.
pub(crate) const SPOOL_LOG_PAGES: &str = "64";
/// Sizes of the reserve on the spool's disk, in bytes; the first that fits is used. Each is more than the log and the
/// next commit need together.
pub(crate) const SPOOL_RESERVE_BYTES: [u64; 3] = [3 * 1024 * 1024, 1024 * 1024, 384 * 1024];
/// Bytes that must be free beside a reserve that was given up, before it is created again: more than the log releases.
pub(crate) const SPOOL_RESERVE_MARGIN_BYTES: u64 = 512 * 1024;
/// Age up to which the last commit proves that the spool is writable; after it, a health check writes.
pub(crate) const SPOOL_COMMIT_AGE_MAX: Duration = Duration::from_secs(5);
/// Longest wait for that write.
pub(crate) const SPOOL_PROOF_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest wait of an operator's command for a write of the adapter.
pub(crate) const SPOOL_FILE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Events of the spool in one list.
pub const SPOOL_LIST_MAX: i64 = 1000;
/// Interval of checks whether an operator's command changed the spool's file.
pub(crate) const SPOOL_REFRESH: Duration = Duration::from_secs(1);
/// Characters of the broker's message stored with a set-aside event.
pub(crate) const REFUSAL_CHARS_MAX: usize = 1024;

/// Types of events that are counted for each source; the others are counted together.
pub(crate) const TRAFFIC_TYPES_MAX: usize = 256;
/// Interval of writes of the counts to the spool's folder, if they have changed.
pub(crate) const TRAFFIC_SAVE: Duration = Duration::from_secs(1);
/// Bytes of the largest file of counts that is read.
pub(crate) const TRAFFIC_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Types in the health report that went nowhere.
pub(crate) const HEALTH_TYPES_MAX: usize = 20;

/// Time limit for one answer of the broker to the forwarder; more bytes have longer, as `sending_time` says.
pub(crate) const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for the broker's answer whether it is ready.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for that answer after a submit that was late. On a slow connection, the question waits behind what the
/// submit has left there: up to 64 KiB, the bytes that a broker takes in advance.
pub(crate) const READY_AFTER_LATE_TIMEOUT: Duration = Duration::from_secs(15);
/// First pause of the forwarder after a failed submit; doubled each time.
pub(crate) const FORWARD_PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest pause of the forwarder while the broker is unavailable: the delay until it notices a recovery.
pub(crate) const FORWARD_PAUSE_AWAY_MAX: Duration = Duration::from_secs(5);
/// Longest pause of the forwarder while the broker rejects the adapter, which only a person can change.
pub(crate) const FORWARD_PAUSE_REFUSED_MAX: Duration = Duration::from_secs(60);
/// Shortest pause between retries of set-aside events, and of refused rows of the outbox.
pub(crate) const SET_ASIDE_RETRY_MIN: Duration = Duration::from_secs(60);
/// Longest pause between retries of set-aside events, and of refused rows of the outbox.
pub(crate) const SET_ASIDE_RETRY_MAX: Duration = Duration::from_secs(3600);

/// Rows of the outbox in one batch.
pub(crate) const OUTBOX_BATCH_ROWS_MAX: usize = 100;
/// Bytes of the arguments of a batch: less than one call to the broker may have, at least those of one row.
pub(crate) const OUTBOX_BATCH_BYTES_MAX: i64 = 4 * 1024 * 1024;
/// Bytes of the arguments of one row.
pub(crate) const OUTBOX_ARGS_BYTES_MAX: usize = CONTENT_BYTES_MAX;
/// Bytes of the key of one row: with what stands before it, less than a spec's key may have.
pub(crate) const OUTBOX_KEY_BYTES_MAX: usize = 512;
/// Characters of a row's names and key that are read: one more than may be there, so that an excess is noticed.
pub(crate) const OUTBOX_TEXT_CHARS_MAX: i32 = 513;
/// Pause between two looks into the outbox without notifications.
pub(crate) const OUTBOX_POLL: Duration = Duration::from_secs(2);
/// Pause between two looks with notifications, one of which may get lost.
pub(crate) const OUTBOX_POLL_LISTENING: Duration = Duration::from_secs(10);
/// Pause after a failure of the outbox's database.
pub(crate) const OUTBOX_PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for a connection to the outbox's database.
pub(crate) const OUTBOX_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an answer of the outbox's database.
pub(crate) const OUTBOX_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between two counts of waiting and refused rows, and two deletions of old ones.
pub(crate) const OUTBOX_UPKEEP: Duration = Duration::from_secs(10);
/// Rows up to which they are counted.
pub(crate) const OUTBOX_COUNT_MAX: i64 = 10_000;
/// Submitted rows that one statement deletes.
pub(crate) const OUTBOX_DELETE_ROWS_MAX: i64 = 1000;
/// Such statements in a row; more rows wait for the next time.
pub(crate) const OUTBOX_DELETE_ROUNDS_MAX: u32 = 10;

/// Bounds that an operator may set.
#[derive(Clone, Debug)]
pub struct WebhookLimits {
    /// The largest body, in bytes; more is answered 413. At most what a spec can hold.
    pub body_bytes_max: usize,
    /// Time limit for receiving a body; beyond it, the answer is 408.
    pub body_timeout: Duration,
    /// The largest head of a request, in bytes, from 1 KiB to 64 KiB; more is answered 431.
    pub header_bytes_max: usize,
    /// Time limit for receiving the head of a request, and for the first request on a connection.
    pub header_timeout: Duration,
    /// Connections at the same time. Beyond it, a connection without a signed event is closed for a new one.
    pub connections_max: usize,
    /// Connections without a signed event at the same time, from one address.
    pub connections_per_peer_max: usize,
    /// Time limit for the broker's commit, after which the event goes to the spool instead.
    pub submit_timeout: Duration,
    /// Time limit for answering an event that has arrived, including the way over the spool; beyond it, the answer is
    /// 503.
    pub answer_timeout: Duration,
    /// Events in the spool, including those set aside; beyond it, the answer is 503.
    pub spool_events_max: u64,
    /// Bytes of events in the spool, including those set aside; beyond it, the answer is 503.
    pub spool_bytes_max: u64,
    /// Time limit for requests in progress after a stop has begun.
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
            return Err(StartError::setting("spool_events_max", "and `spool_bytes_max` are at least 1"));
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
                "is less than `answer_timeout`: an event that the broker does not accept in time must still be spooled",
            ));
        }
        Ok(())
    }
}
