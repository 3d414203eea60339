//! Every bound and default time of the SDK, named. What may be inside a signed document is in
//! `apiary_identity::limits`.

use std::time::Duration;

/// The largest gRPC message either way, in bytes; the broker's own bound.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most metadata that an answer may carry, in bytes.
pub const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// How long one call may take, if the configuration does not say; a claim's wait comes on top.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one try to connect may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the head of a proxy's answer.
pub const PROXY_ANSWER_BYTES_MAX: usize = 8 * 1024;
/// A silent connection is asked for a sign of life this often, and given up after as long without one.
pub const KEEPALIVE: Duration = Duration::from_secs(20);

/// The slots of an executor, if it does not say.
pub const SLOTS_DEFAULT: usize = 4;
/// The most slots of one executor: the most that one claim may ask for.
pub const SLOTS_MAX: usize = 1000;
/// How long a lease lasts without renewal, if the executor does not say.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(30);
/// The shortest lease that the broker gives.
pub const LEASE_MIN: Duration = Duration::from_secs(1);
/// The longest lease that the broker gives.
pub const LEASE_MAX: Duration = Duration::from_secs(3600);
/// How long one claim waits for work.
pub const CLAIM_WAIT: Duration = Duration::from_secs(20);
/// The shortest wait of a claim whose polls are cut by something in between.
pub const CLAIM_WAIT_MIN: Duration = Duration::from_millis(600);
/// Polls that were cut are tried at full length again after this long.
pub const CLAIM_WAIT_SHORT_FOR: Duration = Duration::from_secs(600);
/// An empty answer that comes sooner than this after the question is followed by a pause, so that a broker
/// that does not wait cannot make an executor spin.
pub const CLAIM_EMPTY_MIN: Duration = Duration::from_millis(500);

/// The first pause after a call that failed.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after calls that failed.
pub const BACKOFF_MOST: Duration = Duration::from_secs(15);

/// The longest that a broker can ask its callers to wait before they try again.
pub const RETRY_AFTER_MOST: Duration = Duration::from_secs(60);

/// The shortest that a handler can put work off.
pub const SNOOZE_MIN: Duration = Duration::from_millis(100);
/// The longest that a handler can put work off: a year, the broker's own bound.
pub const SNOOZE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// The first pause of work that waits for something around it.
pub const SURROUNDINGS_FIRST: Duration = Duration::from_secs(1);
/// The longest pause of work that waits for something around it, unless a service asks for more.
pub const SURROUNDINGS_MOST: Duration = Duration::from_secs(60);
/// The causes of waiting that an executor tells apart; the pauses of those beyond start at their longest.
pub const SURROUNDINGS_CAUSES_MAX: usize = 256;
/// What is said of why work is given back, in bytes.
pub const RELEASE_REASON_BYTES_MAX: usize = 4096;
/// The name of what is out of order around work, in bytes.
pub const SURROUNDINGS_BYTES_MAX: usize = 128;
/// A process that is being cancelled is renewed at least this long after the last time, so that a wrong clock cannot make the
/// executor spin.
pub const CANCEL_LOOK_MIN: Duration = Duration::from_millis(200);
/// What a handler says while it works is gathered this long before it is sent.
pub const SAYING_PAUSE: Duration = Duration::from_secs(1);
/// How long the result waits for what was said before it.
pub const LAST_WORDS: Duration = Duration::from_secs(5);
/// So many log lines are sent at once, without waiting for more.
pub const LOG_BATCH_LINES: usize = 100;
/// So many bytes of log lines are sent at once, without waiting for more.
pub const LOG_BATCH_BYTES: usize = 256 * 1024;
/// Log lines of one call; the broker's own bound.
pub const LOG_CALL_LINES_MAX: usize = 1000;
/// Bytes of log lines of one call.
pub const LOG_CALL_BYTES_MAX: usize = 1024 * 1024;
/// Log lines of one attempt that wait to be sent; then the oldest are dropped.
pub const LOG_BUFFER_LINES_MAX: usize = 5000;
/// Bytes of log lines of one attempt that wait to be sent; then the oldest are dropped.
pub const LOG_BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one log line's message; the broker's own bound.
pub const LOG_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one log line's fields, as JSON; the broker's own bound.
pub const LOG_FIELDS_BYTES_MAX: usize = 16 * 1024;
/// Attributes that one process may have; the broker's own bound.
pub const ATTRIBUTES_MAX: usize = 256;
/// Attributes of one call; the broker's own bound.
pub const ATTRIBUTES_CALL_MAX: usize = 64;
/// Characters of an attribute's key; the broker's own bound.
pub const ATTRIBUTE_KEY_CHARS_MAX: usize = 128;
/// Bytes of an attribute's value; the broker's own bound.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 4096;

/// How long handlers may go on after the signal to stop, if the executor does not say.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a claim under way may still answer after the signal to stop.
pub const POLL_GRACE: Duration = Duration::from_millis(250);
/// How long a handler may take to return after its work was cancelled; then it is dropped at its next await.
pub const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// How long giving a lease back may take; then the broker waits for the lease's end.
pub const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a result may still be on its way after its lease was lost: the broker may have taken it already.
pub const LAST_ANSWER: Duration = Duration::from_secs(5);

/// How often an executor asks for the colony's rules, if it does not say.
pub const GUARD_REFRESH: Duration = Duration::from_secs(60);
/// The shortest time between asking for the colony's rules.
pub const GUARD_REFRESH_MIN: Duration = Duration::from_millis(10);
/// The longest time between asking for the colony's rules.
pub const GUARD_REFRESH_MAX: Duration = Duration::from_secs(60 * 60);
/// The most different patterns in the guard's rules of one origin (the executor's own, or the colony's).
pub const GUARD_PATTERNS_MAX: usize = 4096;
/// The most memory that one compiled pattern of the guard takes, in bytes, and the most that searching with it takes
/// besides.
pub const GUARD_REGEX_BYTES_MAX: usize = 256 * 1024;
/// The most JSON values in a rule's schema, each reference counted as what it refers to.
pub const GUARD_SCHEMA_VALUES_MAX: usize = 10_000;
/// The most levels of a rule's schema, references included.
pub const GUARD_SCHEMA_DEPTH_MAX: usize = 48;
/// The most rules whose refusals are counted by name; those of others, after the colony changed its rules often,
/// are counted together.
pub const GUARD_COUNTERS_MAX: usize = 1024;
