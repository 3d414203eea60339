//! Every bound and default time of the SDK. The bounds of signed documents are in `apiary_identity::limits`.

use std::time::Duration;

use apiary_protocol::limits::{CLAIM_COUNT_MAX, LEASE_MS_DEFAULT, LEASE_MS_MAX, LEASE_MS_MIN, SNOOZE_MS_MAX};

pub use apiary_protocol::limits::{
    ATTRIBUTE_KEY_CHARS_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_CALL_MAX, ATTRIBUTES_MAX, BATCH_DOCUMENTS_MAX,
    LOG_CALL_LINES_MAX, LOG_FIELDS_BYTES_MAX, LOG_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX, REASON_BYTES_MAX,
    SURROUNDINGS_BYTES_MAX,
};

/// The most metadata that an answer may carry, in bytes.
pub const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Default time-out of a call; a claim's wait is added to it.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes that a connection carries in a second at least, by which a submit has longer the more it sends.
pub const SENDING_BYTES_PER_S_MIN: u64 = 8 * 1024;
/// Longest time that a submit has for this, beyond its time-out: a broker waits a minute for a message.
pub const SENDING_TIME_MAX: Duration = Duration::from_secs(45);
/// Bytes of the documents that are sent together, below the bound of a message. A larger document goes alone.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time-out of an attempt to connect.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the head of a proxy's answer.
pub const PROXY_ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Interval of pings on a silent connection, and the longest wait for the answer.
pub const KEEPALIVE: Duration = Duration::from_secs(20);

/// Default number of slots.
pub const SLOTS_DEFAULT: usize = 4;
/// The most slots of one executor: the most that one claim may ask for.
pub const SLOTS_MAX: usize = CLAIM_COUNT_MAX.unsigned_abs() as usize;
/// Default length of a lease without renewal.
pub const LEASE_DEFAULT: Duration = Duration::from_millis(LEASE_MS_DEFAULT.unsigned_abs());
/// The shortest lease that the broker gives.
pub const LEASE_MIN: Duration = Duration::from_millis(LEASE_MS_MIN.unsigned_abs());
/// The longest lease that the broker gives.
pub const LEASE_MAX: Duration = Duration::from_millis(LEASE_MS_MAX.unsigned_abs());
/// Wait of work that was claimed with results for the slot of an attempt that ended. Beyond that it is released.
pub const SLOT_WAIT: Duration = Duration::from_secs(1);
/// Wait of a claim for work.
pub const CLAIM_WAIT: Duration = Duration::from_secs(20);
/// Shortest wait of a claim when a proxy cuts longer polls.
pub const CLAIM_WAIT_MIN: Duration = Duration::from_millis(600);
/// Time after which shortened polls have their full length again.
pub const CLAIM_WAIT_SHORT_FOR: Duration = Duration::from_secs(600);
/// Time below which an empty answer to a claim is followed by a pause, so that a broker that does not wait cannot make
/// an executor spin.
pub const CLAIM_EMPTY_MIN: Duration = Duration::from_millis(500);

/// The first pause after a call that failed.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after calls that failed.
pub const BACKOFF_MOST: Duration = Duration::from_secs(15);

/// Longest wait before a retry that a broker can request.
pub const RETRY_AFTER_MOST: Duration = Duration::from_secs(60);

/// Shortest snooze that a handler can request.
pub const SNOOZE_MIN: Duration = Duration::from_millis(100);
/// Longest snooze that a handler can request: a year, the broker's own bound.
pub const SNOOZE_MAX: Duration = Duration::from_millis(SNOOZE_MS_MAX.unsigned_abs());
/// First pause of work that waits for its surroundings.
pub const SURROUNDINGS_FIRST: Duration = Duration::from_secs(1);
/// Longest pause of work that waits for its surroundings, unless a service requests more.
pub const SURROUNDINGS_MOST: Duration = Duration::from_secs(60);
/// Causes of waiting that an executor tracks; further ones start with the longest pause.
pub const SURROUNDINGS_CAUSES_MAX: usize = 256;
/// Shortest interval between renewals of a process that is being cancelled, so that a wrong clock cannot make the
/// executor spin.
pub const CANCEL_LOOK_MIN: Duration = Duration::from_millis(200);
/// Time for which reports and log lines are collected before they are sent.
pub const SAYING_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait of the result for earlier reports and log lines.
pub const LAST_WORDS: Duration = Duration::from_secs(5);
/// Log lines that are sent at once, without collecting more.
pub const LOG_BATCH_LINES: usize = 100;
/// Bytes of log lines that are sent at once, without collecting more.
pub const LOG_BATCH_BYTES: usize = 256 * 1024;
/// Bytes of log lines of one call.
pub const LOG_CALL_BYTES_MAX: usize = 1024 * 1024;
/// Log lines of one attempt that wait to be sent; then the oldest are dropped.
pub const LOG_BUFFER_LINES_MAX: usize = 5000;
/// Bytes of log lines of one attempt that wait to be sent; then the oldest are dropped.
pub const LOG_BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Default time for which handlers may continue after the signal to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the answer of a claim in progress after the signal to stop.
pub const POLL_GRACE: Duration = Duration::from_millis(250);
/// Longest time for a handler to return after its work was cancelled; then it is dropped at its next await.
pub const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// Longest time for the release of a lease; otherwise the lease ends by itself.
pub const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the answer to a result after its lease was lost: the broker may have accepted the result already.
pub const LAST_ANSWER: Duration = Duration::from_secs(5);

/// Default interval at which an executor reads the colony's rules.
pub const GUARD_REFRESH: Duration = Duration::from_secs(60);
/// Shortest interval at which the colony's rules are read.
pub const GUARD_REFRESH_MIN: Duration = Duration::from_millis(10);
/// Longest interval at which the colony's rules are read.
pub const GUARD_REFRESH_MAX: Duration = Duration::from_secs(60 * 60);
/// The most different patterns in the guard's rules of one origin (the executor's own, or the colony's).
pub const GUARD_PATTERNS_MAX: usize = 4096;
/// Maximum memory of a compiled pattern of the guard, in bytes, and again as much for searching with it.
pub const GUARD_REGEX_BYTES_MAX: usize = 256 * 1024;
/// Maximum number of JSON values in a rule's schema, each reference counted as the values it refers to.
pub const GUARD_SCHEMA_VALUES_MAX: usize = 10_000;
/// The most levels of a rule's schema, references included.
pub const GUARD_SCHEMA_DEPTH_MAX: usize = 48;
/// Maximum number of rules whose refusals are counted by name. There can be more after many changes of the colony's
/// rules; these are counted together.
pub const GUARD_COUNTERS_MAX: usize = 1024;

/// Returns the time that a submit of so many bytes has beyond its time-out, for a slow connection.
pub fn sending_time(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    Duration::from_millis(bytes.saturating_mul(1000) / SENDING_BYTES_PER_S_MIN).min(SENDING_TIME_MAX)
}
