//! Bounds of the wire: the broker refuses beyond them, and a client checks before it asks.

/// The largest gRPC message either way, in bytes: room for a claim or a batch of several documents.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most documents of one batch.
pub const BATCH_DOCUMENTS_MAX: usize = 1000;
/// The most processes of one claim.
pub const CLAIM_COUNT_MAX: i32 = 1000;
/// The shortest lease, in milliseconds.
pub const LEASE_MS_MIN: i64 = 1000;
/// The longest lease, in milliseconds.
pub const LEASE_MS_MAX: i64 = 3_600_000;
/// The default duration of a lease, in milliseconds.
pub const LEASE_MS_DEFAULT: i64 = 30_000;
/// A reason in words, in bytes.
pub const REASON_BYTES_MAX: usize = 4096;
/// The name of what is out of order around work, in bytes.
pub const SURROUNDINGS_BYTES_MAX: usize = 128;
/// The longest delay of a process, in milliseconds: a year.
pub const SNOOZE_MS_MAX: i64 = 365 * 24 * 3_600_000;
/// Log lines of one call.
pub const LOG_CALL_LINES_MAX: usize = 1000;
/// Bytes of one log line's message.
pub const LOG_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one log line's fields, as JSON.
pub const LOG_FIELDS_BYTES_MAX: usize = 16 * 1024;
/// Attributes of one call.
pub const ATTRIBUTES_CALL_MAX: usize = 64;
/// Characters of an attribute's key.
pub const ATTRIBUTE_KEY_CHARS_MAX: usize = 128;
/// Bytes of an attribute's value.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 4096;
/// Attributes that one process may have.
pub const ATTRIBUTES_MAX: usize = 256;
