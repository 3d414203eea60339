//! The state of record over a direct connection to Postgres.

mod error;
mod record;

pub use record::PostgresRecord;
