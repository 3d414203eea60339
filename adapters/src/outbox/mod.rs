//! The outbox: jobs that users commit together with their own rows, in a table of their own Postgres. A reader submits
//! them as signed specs.
//!
//! No position is kept. A row waits until it is marked as submitted, or as refused: a row whose transaction ends late
//! is found whatever its id is, and a reader that is killed between submit and mark submits the same row again, under
//! the same idempotency key, which gives the process that exists.
//!
//! The rows are input of whoever may insert them. The reader submits only what [`OutboxConfig::functions`] allows.

mod batch;
mod config;
mod error;
mod functions;
mod job;
mod reader;
mod report;
mod submitter;
mod table;
mod wakeup;

pub use config::{OutboxConfig, SETTINGS};
pub use functions::AllowedFunctions;
pub use report::OutboxReport;

pub(crate) use error::{OUTBOX_ROWS_REFUSED, OUTBOX_UNAVAILABLE, OUTBOX_UNUSABLE};
pub(crate) use reader::Reader;
pub(crate) use report::OutboxState;

/// The SQL that makes the table and `apiary.enqueue`, or brings those of an earlier version up to date.
pub const OUTBOX_SQL: &str = concat!(
    include_str!("../../../deploy/outbox/20261201000000_outbox.sql"),
    "\n",
    include_str!("../../../deploy/outbox/20261201000100_outbox_retries.sql"),
);
