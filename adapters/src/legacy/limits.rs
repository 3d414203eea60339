//! Every bound of an import, named.

use std::time::Duration;

use apiary_identity::limits::{CONTENT_BYTES_MAX, DURATION_MAX_MS};

/// Bytes of one row as JSON. A command may be JSON inside of a text, where escapes double it at the worst that is usual.
pub const ROW_BYTES_MAX: usize = 2 * CONTENT_BYTES_MAX + 64 * 1024;
/// Rows that are read, and in memory, at a time.
pub const PAGE_ROWS: usize = 64;
/// Bytes of a row's id, which becomes part of an idempotency key and a label.
pub const ID_BYTES_MAX: usize = 256;
/// Characters of the name that the source goes by.
pub const SOURCE_CHARS_MAX: usize = 64;
/// Different statuses that one table may have; more is a column that holds something else.
pub const STATUSES_MAX: usize = 256;
/// Characters of somebody else's words, such as a status, that are shown.
pub const SHOWN_CHARS_MAX: usize = 64;
/// Characters of what is wrong with one row.
pub const PROBLEM_CHARS_MAX: usize = 400;
/// Rows that a report lists as wrong; the others are counted.
pub const PROBLEMS_MAX: usize = 1000;
/// Rows that a report lists as tasks; the others are counted.
pub const TASKS_MAX: usize = 1000;
/// Names of columns and keys that a report lists as left out; the others are counted together.
pub const LEFT_OUT_MAX: usize = 64;
/// Submits under way at the same time, at the most.
pub const PARALLEL_MAX: usize = 64;
/// How long the broker remembers a row: the longest that a spec can ask for. The table is never changed, so a row that
/// was imported looks to be imported for as long as the table is there.
pub const RETENTION_MS: i64 = DURATION_MAX_MS;
/// How long an import waits for a broker that has gone away, before it ends.
pub const BROKER_PATIENCE: Duration = Duration::from_secs(60);
/// How long connecting to the table's database may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one answer of the table's database may take; the first sorts what is to be submitted.
pub const READ_TIMEOUT: Duration = Duration::from_secs(300);
