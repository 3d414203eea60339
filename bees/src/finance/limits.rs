//! Bounds of the finance bee.

use std::time::Duration;

/// Bytes of the largest event that is read: the largest argument that a spec carries inline.
pub(super) const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Characters of an id; Stripe documents 255.
pub(super) const ID_CHARS_MAX: usize = 255;
/// Metadata entries stored for one object (Stripe's own bound).
pub(super) const METADATA_ENTRIES_MAX: usize = 50;
/// Characters of a stored metadata key (Stripe's own bound).
pub(super) const METADATA_KEY_CHARS_MAX: usize = 40;
/// Characters of a stored metadata value (Stripe's own bound).
pub(super) const METADATA_VALUE_CHARS_MAX: usize = 500;
/// Characters of a stored e-mail address, name or other short text; the rest is cut off.
pub(super) const TEXT_CHARS_MAX: usize = 1000;
/// Subscriptions in one answer.
pub const PAGE_MAX: u32 = 1000;

/// Time limit for a call that writes.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for a call that reads.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for connecting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the longest answer that is read.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of the events in the ties of one call: as JSON texts they need twice as much at most. The SQL has the same number.
pub(super) const TIES_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Connections to a Postgres: one for each event applied at the same time.
pub(super) const POSTGRES_CONNECTIONS_MAX: u32 = 8;
/// Events that a bee applies at the same time; they go to the state of record together.
pub const SLOTS: usize = 64;
/// Events of one call that writes.
pub(super) const BATCH_EVENTS_MAX: usize = 256;
/// Bytes of the events of one call that writes; a larger event goes alone.
pub(super) const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Events of one object and second whose order is decided; of more, the newest state is read at Stripe, or guessed.
pub(super) const CONTENDERS_MAX: usize = 10;
/// Attempts to decide an order while other bees write the same object.
pub(super) const TIES_MAX: usize = 32;
/// Objects of one kind whose ids a comparison remembers, eight bytes each, to find the rows that Stripe's list lacks.
pub(super) const LISTED_MAX: usize = 4_000_000;
/// Rows of one kind that a comparison looks up at Stripe because its list lacks them.
pub(super) const LOOKUPS_MAX: usize = 1000;
/// Longest accepted `Retry-After`; a longer one is shortened.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Bytes of the largest mapping file of shadow mode.
pub const SHADOW_MAP_BYTES_MAX: usize = 256 * 1024;
/// Tables of one mapping file.
pub(super) const SHADOW_TABLES_MAX: usize = 16;
/// Rows that a comparison reads at a time.
pub(super) const SHADOW_PAGE_ROWS: usize = 1000;
/// Most differing rows that a comparison of one table lists.
pub const SHADOW_SHOWN_MAX: u32 = 500;
/// Time limit for one statement of shadow mode, such as the first page of a comparison, or the copy of a rollback.
pub(super) const SHADOW_ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// Attempts to lock a table, each for half a second, during which its readers wait.
pub(super) const SHADOW_LOCK_TRIES: u32 = 20;
