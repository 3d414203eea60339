//! Events on this machine's disk, in the order they came: what was answered and the broker does not have yet.
//!
//! One SQLite file in a folder of its own (WAL, `synchronous=FULL`: a commit is on disk when it returns), written by
//! one task, which commits together whatever waits. A lock on the folder keeps a second adapter out, and is gone with
//! the process, however that ends. An operator's commands work on the file beside the adapter, which notices.

mod database;
mod file;
mod folder;
mod handle;
mod reserve;
mod totals;
mod writer;

pub use file::{SetAsideFilter, SpoolFile};
pub use handle::SetAside;
pub(crate) use handle::{Appended, Spool, Waiting};
pub use totals::SpoolTotals;
