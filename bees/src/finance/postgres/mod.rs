//! The state of record by a direct connection to Postgres.

mod error;
mod record;

pub use record::PostgresRecord;
