//! The state of record over a direct connection to Postgres.

mod error;
mod record;
mod rows;

pub use record::PostgresRecord;
