//! Reading, and the one transaction that writes.

use std::time::Duration;

use apiary_database::{SqliteReaders, SqliteTransaction, SqliteWriter, query, sql};
use apiary_store::StoreResult;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::fault::{full, sorted};

/// A statement with its parameters.
pub(super) type Statement<'q> = apiary_database::Statement<'q, Sqlite>;

/// Runs a statement that reads; returns all its rows.
pub(super) async fn read(readers: &SqliteReaders, statement: Statement<'_>) -> StoreResult<Vec<SqliteRow>> {
    readers.rows(statement).await.map_err(sorted)
}

/// The write transaction. There is one writer, so nobody else changes anything while it lasts. Dropped without a
/// commit, also because the caller went away in the middle, it is rolled back.
pub(super) struct Write(SqliteTransaction);

impl Write {
    /// Waits for the writer and begins.
    pub(super) async fn begin(writer: &SqliteWriter) -> StoreResult<Self> {
        writer.begin().await.map(Self).map_err(sorted)
    }

    /// Runs a statement; returns all its rows.
    pub(super) async fn rows(&mut self, statement: Statement<'_>) -> StoreResult<Vec<SqliteRow>> {
        self.0.rows(statement).await.map_err(sorted)
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub(super) async fn changed(&mut self, statement: Statement<'_>) -> StoreResult<u64> {
        self.0.changed(statement).await.map_err(sorted)
    }

    /// Commits: when this returns `Ok`, the change is on the disk.
    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await.map_err(sorted)
    }
}

/// Writes a row of no meaning, unless work was committed within `age_max`.
pub(super) async fn prove_writable(store: &SqliteStore, age_max: Duration, now_ms: i64) -> StoreResult<()> {
    let write = async || {
        let mut write = store.writer.begin_small().await.map(Write).map_err(sorted)?;
        write.changed(query(sql!("connections/prove_writable.sql")).bind(now_ms)).await?;
        write.commit().await
    };
    store.writer.commits().prove(age_max, full, write).await
}
