//! Reading, and the one transaction that writes.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Sqlite, Transaction};

use super::fault::sorted;
use crate::store::StoreResult;

/// A statement with its parameters.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// All rows of a statement that reads.
pub(super) async fn read(readers: &SqlitePool, statement: Statement<'_>) -> StoreResult<Vec<SqliteRow>> {
    statement.fetch_all(readers).await.map_err(sorted)
}

/// The write transaction. There is one writer, so nobody else changes anything while it lasts. Dropped without a
/// commit, also because the caller went away in the middle, it is rolled back.
pub(super) struct Write(Transaction<'static, Sqlite>);

impl Write {
    /// Waits for the writer and begins. `IMMEDIATE` takes SQLite's write lock at once: a transaction that would read
    /// first and write later could find in the middle that another program was faster.
    pub(super) async fn begin(writer: &SqlitePool) -> StoreResult<Self> {
        match writer.begin_with("BEGIN IMMEDIATE").await {
            Ok(transaction) => Ok(Self(transaction)),
            // SQLite ends a transaction by itself when the disk is full or fails; the driver then still counts it as
            // open. A new connection starts from nothing.
            Err(sqlx::Error::InvalidSavePointStatement | sqlx::Error::BeginFailed) => {
                writer.acquire().await.map_err(sorted)?.close_on_drop();
                writer.begin_with("BEGIN IMMEDIATE").await.map(Self).map_err(sorted)
            }
            Err(error) => Err(sorted(error)),
        }
    }

    /// Runs a statement; all its rows.
    pub(super) async fn rows(&mut self, statement: Statement<'_>) -> StoreResult<Vec<SqliteRow>> {
        statement.fetch_all(&mut *self.0).await.map_err(sorted)
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn changed(&mut self, statement: Statement<'_>) -> StoreResult<u64> {
        Ok(statement.execute(&mut *self.0).await.map_err(sorted)?.rows_affected())
    }

    /// Commits: when this returns `Ok`, the change is on the disk.
    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await.map_err(sorted)
    }
}
