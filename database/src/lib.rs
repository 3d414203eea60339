//! Connections to databases. A connection whose begin, statement, commit or rollback failed is dropped, never reused.
//!
//! A driver's record of a connection's state can be wrong after a failure. sqlx, for example, counts a SQLite
//! transaction as open after its COMMIT failed, and then commits only savepoints. A demoted Postgres answers every
//! further write with an error. A new connection starts in a known state.

mod backup;
mod commits;
mod limits;
mod postgres;
mod sqlite;
mod statement;

pub use backup::BackupFile;
pub use commits::Commits;
pub use postgres::{
    Breaks, PostgresPool, PostgresPoolOptions, PostgresSession, UrlError, describe, environment, is_break,
    leads_to_pooler, read_url, read_url_encrypted,
};
pub use sqlite::{
    SqliteReaders, SqliteTransaction, SqliteWriter, is_sqlite_busy, is_sqlite_full, sqlite_code, sqlite_primary_code,
};
pub use statement::{Sql, Statement, query};
