//! Stores events on this machine's disk, in order of arrival: those that were answered, and that the broker does not
//! have yet.
//!
//! One SQLite file in a folder of its own (WAL, `synchronous=FULL`: a commit is on disk when it returns), written by
//! one task, which commits all queued requests together. A lock on the folder excludes a second adapter, and is
//! released with the process, however that ends. An operator's commands work on the file directly, and the adapter
//! notices.

mod database;
mod entry;
mod file;
mod folder;
mod handle;
mod reserve;
mod totals;
mod writer;

pub use entry::{SpoolEntry, SpoolFilter, SpoolState};
pub use file::SpoolFile;
pub use handle::SetAside;
pub(crate) use handle::{Appended, Spool, Waiting};
pub use totals::SpoolTotals;
