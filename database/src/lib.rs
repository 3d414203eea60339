//! Discipline for database connections: one whose begin, statement, commit or rollback failed is dropped, never reused.
//!
//! A driver's own idea of where a connection stands can be wrong after a failure. sqlx, for example, counts a SQLite
//! transaction as open after its COMMIT failed, and from then on commits no more than savepoints; and a Postgres that was
//! demoted answers every write with an error for as long as it is asked. A new connection starts from nothing.

mod commits;
mod limits;
mod postgres;
mod sqlite;

pub use commits::Commits;
pub use postgres::{
    Breaks, PostgresPool, PostgresPoolOptions, PostgresSession, UrlError, describe, is_break, leads_to_pooler,
    read_url, read_url_encrypted,
};
pub use sqlite::{
    SqliteReaders, SqliteTransaction, SqliteWriter, is_sqlite_busy, is_sqlite_full, sqlite_code, sqlite_primary_code,
};
