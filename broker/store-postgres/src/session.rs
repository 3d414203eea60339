//! A connection for one call, with its errors sorted.

use apiary_database::PostgresSession;
use sqlx::Postgres;
use sqlx::postgres::PgRow;

use crate::fault::Fault;

/// A statement with its parameters.
pub(super) type Statement<'q> = apiary_database::Statement<'q, Postgres>;

/// A connection taken from the pool.
pub(super) struct Session(pub(super) PostgresSession);

impl Session {
    /// Runs a statement; returns all its rows.
    pub(super) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Fault> {
        Ok(self.0.rows(statement).await?)
    }

    /// Runs a statement; returns its first row, if any.
    pub(super) async fn row(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, Fault> {
        Ok(self.0.row(statement).await?)
    }

    /// Runs a statement that returns one row for each change that it makes.
    pub(super) async fn changes(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Fault> {
        Ok(self.0.changes(statement).await?)
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub(super) async fn changed(&mut self, statement: Statement<'_>) -> Result<u64, Fault> {
        Ok(self.0.changed(statement).await?)
    }

    /// Runs a statement that writes little; returns the number of rows that it changed. Its success on a nearly full disk does not prove
    /// that larger writes succeed.
    pub(super) async fn changed_little(&mut self, statement: Statement<'_>) -> Result<u64, Fault> {
        Ok(self.0.changed_little(statement).await?)
    }

    /// Begins a transaction. It is rolled back unless [`commit`](Self::commit) comes.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        Ok(self.0.begin().await?)
    }

    /// Commits.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        Ok(self.0.commit().await?)
    }

    /// Ends the transaction by the outcome of its work, which it returns: commits a success, and rolls back a failure at once, so that
    /// the rows that were locked are free for others when the caller hears of it.
    pub(super) async fn end<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        match outcome {
            Ok(done) => {
                self.commit().await?;
                Ok(done)
            }
            Err(fault) => {
                self.0.rollback().await;
                Err(fault)
            }
        }
    }
}
