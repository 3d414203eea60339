//! Bounds of an import.

use std::time::Duration;

use apiary_identity::limits::{CONTENT_BYTES_MAX, DURATION_MAX_MS};

/// Bytes of one row as JSON. A command may be JSON inside a text, where escapes usually double it at most.
pub const ROW_BYTES_MAX: usize = 2 * CONTENT_BYTES_MAX + 64 * 1024;
/// Rows that are read, and held in memory, at a time.
pub const PAGE_ROWS: usize = 64;
/// Bytes of a row's id, which becomes part of an idempotency key and a label.
pub const ID_BYTES_MAX: usize = 256;
/// Characters of the source's name.
pub const SOURCE_CHARS_MAX: usize = 64;
/// Distinct statuses of one table. A column with more of them is probably not the status.
pub const STATUSES_MAX: usize = 256;
/// Characters of foreign text, such as a status, shown in a message.
pub const SHOWN_CHARS_MAX: usize = 64;
/// Characters of the message about one row.
pub const PROBLEM_CHARS_MAX: usize = 400;
/// Problems listed in a report; further ones are only counted.
pub const PROBLEMS_MAX: usize = 1000;
/// Tasks listed in a report; further ones are only counted.
pub const TASKS_MAX: usize = 1000;
/// Names of omitted columns and keys listed in a report; further ones are counted together.
pub const LEFT_OUT_MAX: usize = 64;
/// Concurrent submits.
pub const PARALLEL_MAX: usize = 64;
/// Retention of a row's idempotency key: the longest that a spec may ask for. Nothing marks imported rows in the table,
/// so the broker alone can recognise them.
pub const RETENTION_MS: i64 = DURATION_MAX_MS;
/// Longest wait for a broker that has become unavailable.
pub const BROKER_PATIENCE: Duration = Duration::from_secs(60);
/// Time limit for connecting to the table's database.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for one answer of the table's database. The first answer takes longest: the database sorts the rows.
pub const READ_TIMEOUT: Duration = Duration::from_secs(300);
