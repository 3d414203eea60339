//! Every bound on what a signed document may hold, in one place.

use std::time::Duration;

/// Bytes of a document's JSON: room for [`CONTENT_BYTES_MAX`] as base64, and the rest.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of arguments or output kept inside a document.
pub const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// Levels of `[` and `{` in inline JSON. Readers such as serde_json stop at 128 levels of the whole text, and a
/// document is itself embedded in answers.
pub const JSON_DEPTH_MAX: usize = 100;
/// Characters of a function, executor type, label key or user's or executor's name.
pub const NAME_CHARS_MAX: usize = 128;
/// Characters of a colony's name: what a DNS label allows (RFC 1035).
pub const COLONY_NAME_CHARS_MAX: usize = 63;
/// Bytes of a label's or environment variable's value, an idempotency key, or trace context.
pub const VALUE_BYTES_MAX: usize = 1024;
/// Labels, and environment variables, of one spec.
pub const MAP_ENTRIES_MAX: usize = 64;
/// Executor names that one spec may be aimed at.
pub const EXECUTOR_NAMES_MAX: usize = 64;
/// Parents that one spec may wait for.
pub const PARENTS_MAX: usize = 64;
/// Bytes of a concurrency key or rate key.
pub const LIMIT_KEY_BYTES_MAX: usize = 256;
/// Tags that one spec may require, or one executor offer.
pub const TAGS_MAX: usize = 64;
/// GPUs that one spec may require, or one executor offer.
pub const GPUS_MAX: u32 = 65_536;
/// Bytes of an amount of cpu or memory, as text.
pub const QUANTITY_BYTES_MAX: usize = 32;
/// Functions or executor types that one grant may list.
pub const SCOPE_ENTRIES_MAX: usize = 256;
/// Bytes of a failure's message.
pub const FAILURE_BYTES_MAX: usize = 4096;
/// Bound on the absolute value of a priority.
pub const PRIORITY_MAX: i32 = 50_000;
/// Maximum number of retries; −1 requests no limit.
pub const RETRIES_MAX: i32 = 1_000_000;
/// Longest time between a spec's making and its submission.
pub const SUBMIT_BY_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Longest time-out, back-off or retention: ten years.
pub const DURATION_MAX_MS: i64 = 10 * 366 * 24 * 3600 * 1000;
/// Rules of one guard.
pub const GUARD_RULES_MAX: usize = 256;
/// Patterns of one rule, allowing and denying together.
pub const GUARD_PATTERNS_MAX: usize = 64;
/// Bytes of one pattern.
pub const GUARD_PATTERN_BYTES_MAX: usize = 512;
/// Bytes of a pattern's JSON Pointer.
pub const GUARD_POINTER_BYTES_MAX: usize = 512;
/// Bytes of a rule's JSON Schema.
pub const GUARD_SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Documents that one signature may be under.
pub const BATCH_DOCUMENTS_MAX: u32 = 1024;
/// Valid signatures of batches and grants that a process remembers: 32 bytes each, and the table's room.
pub(crate) const VERIFIED_SIGNATURES_MAX: usize = 8192;
/// The most processes in an object of the archive.
pub const ARCHIVE_PROCESSES_MAX: u64 = 4096;
/// The most bytes of an object of the archive, compressed or not: more than a process may have.
pub const ARCHIVE_OBJECT_BYTES_MAX: u64 = 128 * 1024 * 1024;
