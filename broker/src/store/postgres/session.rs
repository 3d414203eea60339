//! One connection for one call.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Executor as _, Postgres};
use tokio::time::timeout;

use super::connect::Breaks;
use super::fault::Fault;
use crate::store::StoreError;

/// A statement with its parameters.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A connection taken from the pool. It goes back only in a known state: if it is dropped in the middle of a statement
/// or a transaction (the caller went away, the network fell silent), it is closed, and the server rolls back.
pub(super) struct Session {
    connection: PoolConnection<Postgres>,
    /// The longest that a statement may take, seen from here. The server has a shorter limit of its own; this one is
    /// for when the server cannot be heard any more.
    answer_time_max: Duration,
    breaks: Breaks,
    is_between_statements: bool,
    is_in_transaction: bool,
}

impl Session {
    pub(super) fn new(connection: PoolConnection<Postgres>, answer_time_max: Duration, breaks: Breaks) -> Self {
        Self { connection, answer_time_max, breaks, is_between_statements: true, is_in_transaction: false }
    }

    /// Runs a statement; all its rows.
    pub(super) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Fault> {
        self.is_between_statements = false;
        let answer = timeout(self.answer_time_max, self.connection.fetch_all(statement)).await;
        self.settle(answer)
    }

    /// Runs a statement; its first row, if any.
    pub(super) async fn row(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, Fault> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn changed(&mut self, statement: Statement<'_>) -> Result<u64, Fault> {
        self.is_between_statements = false;
        let answer = timeout(self.answer_time_max, self.connection.execute(statement)).await;
        Ok(self.settle(answer)?.rows_affected())
    }

    /// Begins a transaction. It is rolled back unless [`commit`](Self::commit) comes.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        self.is_in_transaction = true;
        self.command("BEGIN").await
    }

    /// Commits.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        self.command("COMMIT").await?;
        self.is_in_transaction = false;
        Ok(())
    }

    /// Rolls back at once, so that the rows that were locked are free for others when the caller hears of the failure.
    /// If that fails, too, the connection is closed instead, to the same end.
    pub(super) async fn rollback(&mut self) {
        if self.is_between_statements && self.command("ROLLBACK").await.is_ok() {
            self.is_in_transaction = false;
        }
    }

    async fn command(&mut self, command: &'static str) -> Result<(), Fault> {
        self.is_between_statements = false;
        let answer = timeout(self.answer_time_max, self.connection.execute(command)).await;
        self.settle(answer).map(|_| ())
    }

    fn settle<T>(&mut self, answer: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>) -> Result<T, Fault> {
        match answer {
            Ok(Err(error)) if is_break(&error) => {
                self.breaks.note();
                Err(error.into())
            }
            Ok(answer) => {
                self.is_between_statements = true;
                Ok(answer?)
            }
            Err(_) => {
                self.breaks.note();
                let seconds = self.answer_time_max.as_secs();
                Err(StoreError::Unavailable(format!("the server did not answer within {seconds} s")).into())
            }
        }
    }
}

/// Whether the connection is of no more use. A server that shuts down says so in its last message (class 57P).
fn is_break(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "25P03")
        }
        _ => false,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_between_statements || self.is_in_transaction {
            self.connection.close_on_drop();
        }
    }
}
