//! The state of record in one SQLite file, for `apiary up`.
//!
//! The same merge as in the Postgres function, register by register: each `.sql` file here is one statement of it, and
//! reads the same JSON document (`?1`).

mod error;
mod record;
mod rows;
mod schema;

pub use record::SqliteRecord;
