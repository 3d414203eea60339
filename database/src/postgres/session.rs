//! A session: a pooled connection, used by a single call.

use std::pin::pin;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, Postgres, raw_sql};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::breaks::{Breaks, is_break, is_failed_write, is_full, is_ordinary};
use crate::Commits;
use crate::limits::DEMOTED_ANSWER_MAX;
use crate::statement::{self, Statement};

/// A connection taken from the pool. It returns to the pool only in a known state. After a failure, or when dropped
/// during a statement or transaction (the caller was cancelled, the network is silent), it is closed and the server
/// rolls back.
pub struct PostgresSession {
    connection: PoolConnection<Postgres>,
    /// Longest duration of a statement on the client's clock. The server may have a shorter limit; this one is for a
    /// server that does not answer any more.
    answer_time_max: Duration,
    breaks: Breaks,
    demotions: watch::Receiver<u64>,
    commits: Commits,
    /// Statements that begin each transaction behind a transaction pooler. No statement is prepared under a name there,
    /// and none runs outside a transaction, because its parse and execute messages may reach two servers.
    pooled_begin: Option<String>,
    is_between_statements: bool,
    is_in_transaction: bool,
    is_condemned: bool,
    has_changed: bool,
    is_small: bool,
}

impl PostgresSession {
    pub(super) fn new(
        connection: PoolConnection<Postgres>,
        answer_time_max: Duration,
        breaks: Breaks,
        commits: Commits,
        pooled_begin: Option<String>,
    ) -> Self {
        let demotions = breaks.demotions();
        Self {
            connection,
            answer_time_max,
            breaks,
            demotions,
            commits,
            pooled_begin,
            is_between_statements: true,
            is_in_transaction: false,
            is_condemned: false,
            has_changed: false,
            is_small: false,
        }
    }

    /// Runs a statement; returns all its rows.
    ///
    /// # Errors
    /// Postgres's error, or a time-out.
    pub async fn rows(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<Vec<PgRow>, Error> {
        let Statement { name, query, is_kept } = statement.into();
        statement::run(name, self.fetch(query, is_kept)).await
    }

    async fn fetch(&mut self, statement: Query<'_, Postgres, PgArguments>, is_kept: bool) -> Result<Vec<PgRow>, Error> {
        let is_single = self.enter().await?;
        let statement = statement.persistent(is_kept && self.pooled_begin.is_none());
        // Set before the await: a caller cancelled here leaves half an answer on the connection, and `drop` must close
        // it.
        self.is_between_statements = false;
        let answer = hear(self.connection.fetch_all(statement), self.answer_time_max, &mut self.demotions).await;
        let rows = self.settle(answer)?;
        self.leave(is_single).await?;
        Ok(rows)
    }

    /// Runs a statement; returns its first row, if any.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn row(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<Option<PgRow>, Error> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement that returns one row for each change that it makes.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changes(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<Vec<PgRow>, Error> {
        let rows = self.rows(statement).await?;
        self.note_change(!rows.is_empty());
        Ok(rows)
    }

    /// Runs a statement; returns the number of rows it changed.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changed(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<u64, Error> {
        let Statement { name, query, is_kept } = statement.into();
        statement::run(name, self.execute(query, is_kept)).await
    }

    async fn execute(&mut self, statement: Query<'_, Postgres, PgArguments>, is_kept: bool) -> Result<u64, Error> {
        let is_single = self.enter().await?;
        let statement = statement.persistent(is_kept && self.pooled_begin.is_none());
        self.is_between_statements = false;
        let answer = hear(self.connection.execute(statement), self.answer_time_max, &mut self.demotions).await;
        let changed = self.settle(answer)?.rows_affected();
        self.leave(is_single).await?;
        self.note_change(changed > 0);
        Ok(changed)
    }

    /// Runs a statement that writes little; returns the number of rows it changed. Its success does not show that there
    /// is room for work.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changed_little(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<u64, Error> {
        self.is_small = true;
        let changed = self.changed(statement).await;
        self.is_small = false;
        changed
    }

    /// Remembers a change until the commit. Outside a transaction it is already committed.
    fn note_change(&mut self, is_change: bool) {
        self.has_changed |= is_change;
        if !self.is_in_transaction && std::mem::take(&mut self.has_changed) {
            self.commits.note(self.is_small);
        }
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn script(&mut self, statements: &'static str) -> Result<(), Error> {
        self.run(statements.to_owned()).await.map(drop)
    }

    /// Begins a transaction. It is rolled back unless [`commit`](Self::commit) is called.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn begin(&mut self) -> Result<(), Error> {
        // Set before the await: a `BEGIN` that was sent but not answered may have opened a transaction.
        self.is_in_transaction = true;
        let begin = self.pooled_begin.clone().unwrap_or_else(|| "BEGIN".to_owned());
        self.run(begin).await.map(drop)
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// As for [`Self::rows`]. The change may or may not be committed then.
    pub async fn commit(&mut self) -> Result<(), Error> {
        self.run("COMMIT".to_owned()).await?;
        self.is_in_transaction = false;
        if std::mem::take(&mut self.has_changed) {
            self.commits.note(self.is_small);
        }
        Ok(())
    }

    /// Rolls back at once, so that locked rows are free for others before the caller learns of the failure. If the
    /// rollback fails, the connection is closed instead, and the server rolls back.
    pub async fn rollback(&mut self) {
        if self.is_between_statements && !self.is_condemned && self.run("ROLLBACK".to_owned()).await.is_ok() {
            self.is_in_transaction = false;
        }
        self.has_changed = false;
    }

    /// Begins a transaction for a single statement, if statements need one (behind a pooler).
    async fn enter(&mut self) -> Result<bool, Error> {
        let is_single = self.pooled_begin.is_some() && !self.is_in_transaction;
        if is_single {
            self.begin().await?;
        }
        Ok(is_single)
    }

    async fn leave(&mut self, is_single: bool) -> Result<(), Error> {
        if is_single { self.commit().await } else { Ok(()) }
    }

    async fn run(&mut self, statements: String) -> Result<PgQueryResult, Error> {
        self.is_between_statements = false;
        let run = self.connection.execute(raw_sql(AssertSqlSafe(statements)));
        let answer = hear(run, self.answer_time_max, &mut self.demotions).await;
        self.settle(answer)
    }

    fn settle<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Ok(value) => {
                self.is_between_statements = true;
                Ok(value)
            }
            Err(error) => {
                // An ordinary refusal leaves the connection in a known state, on which ROLLBACK can run. After any
                // other error it can be anywhere in the protocol.
                self.is_between_statements = is_ordinary(&error);
                self.is_condemned |= !is_ordinary(&error);
                if is_break(&error) {
                    self.breaks.note(&error);
                }
                if is_failed_write(&error) {
                    // A small write that fails needs no time of doubt: the next small write would fail, too.
                    let lacks_room = is_full(&error) && !self.is_small;
                    self.commits.void(lacks_room.then(|| error.to_string()));
                }
                Err(error)
            }
        }
    }
}

/// Waits for the answer to a statement, but only briefly once another connection has found the server demoted: a commit
/// that needs a standby's confirmation would never be answered.
async fn hear<T>(
    call: impl Future<Output = Result<T, Error>>,
    most: Duration,
    demotions: &mut watch::Receiver<u64>,
) -> Result<T, Error> {
    let (mut call, end) = (pin!(call), Instant::now() + most);
    tokio::select! {
        biased;
        answer = timeout_at(end, &mut call) => return answer.unwrap_or_else(|_| Err(late("", most))),
        // `changed` cannot fail: the session holds the sender.
        _ = demotions.changed() => {}
    }
    // Marked as unseen again, so that the session's further statements wait only briefly, too.
    demotions.mark_changed();
    let end = end.min(Instant::now() + DEMOTED_ANSWER_MAX);
    timeout_at(end, call).await.unwrap_or_else(|_| Err(late(", which was demoted,", DEMOTED_ANSWER_MAX)))
}

fn late(server: &str, after: Duration) -> Error {
    let words = format!("the server{server} did not answer within {} s", after.as_secs());
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, words))
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        if !self.is_between_statements || self.is_in_transaction || self.is_condemned {
            self.connection.close_on_drop();
        } else {
            // Each connection would keep the memory of its largest statement and answer for as long as it lives.
            self.connection.shrink_buffers();
        }
    }
}
