//! The bridge from an older queue: reads a `colony_tasks` table, or a dump of one, and submits what is still to be done.
//!
//! The table stays as it is: nothing is ever written to it. What stands in its rows is judged, not believed: each row
//! that cannot become a process is named, with what is wrong, and stops no other. Every row has an idempotency key made
//! of its own id, so that an import may be broken off and run again. `docs/legacy-import.md` has the mapping in words.
//!
//! `mapping`, and the files that it asks, are pure; `file` and `postgres` read; `import` does the work.

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
pub use import::{Ended, Import};
pub use mapping::Mapping;
pub use postgres::LegacyTable;
pub use report::{Problem, Report, StatusCount, TaskView};
pub use source::Source;
pub use status::Standing;
