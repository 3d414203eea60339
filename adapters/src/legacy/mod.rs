//! Imports work from an older queue: reads a `colony_tasks` table, or a dump of one, and submits the tasks that are
//! still to be done.
//!
//! The table is only read, never written. Rows are untrusted input: a row that cannot become a process is reported with
//! its fault, and does not stop the others. Every row's idempotency key is made of the row's own id, so that an import
//! may be interrupted and run again. `docs/legacy-import.md` describes the mapping.
//!
//! `mapping`, and the modules that it calls, are pure; `file` and `postgres` read; `import` submits.

mod command;
mod error;
mod fields;
mod file;
mod import;
pub mod limits;
mod mapping;
mod postgres;
mod priority;
mod report;
mod source;
mod status;
mod task;

pub use error::LegacyError;
pub use file::LegacyFile;
pub use import::{Import, ImportEnd};
pub use mapping::Mapping;
pub use postgres::LegacyTable;
pub use report::{Problem, Report, StatusCount, TaskView};
pub use source::Source;
pub use status::RowStatus;
