//! One connection for one call.

use std::pin::pin;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Error, Executor as _, Postgres, raw_sql};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::breaks::{Breaks, is_break, is_failed_write, is_full, is_ordinary};
use crate::Commits;
use crate::limits::DEMOTED_ANSWER_MAX;

/// A statement with its parameters.
type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A connection taken from the pool. It goes back only in a known state: after a failure, or dropped in the middle of a
/// statement or a transaction (the caller went away, the network fell silent), it is closed, and the server rolls back.
pub struct PostgresSession {
    connection: PoolConnection<Postgres>,
    /// The longest that a statement may take, seen from here. The server may have a shorter limit of its own; this one is for
    /// when the server cannot be heard any more.
    answer_time_max: Duration,
    breaks: Breaks,
    demotions: watch::Receiver<u64>,
    commits: Commits,
    /// Where a pooler gives each transaction whatever connection is free: how each transaction begins. No statement is
    /// prepared under a name there, and none runs outside of a transaction, because its two halves may reach two servers.
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
    /// Postgres's error, or that it did not answer in time.
    pub async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let is_single = self.enter().await?;
        let statement = statement.persistent(self.pooled_begin.is_none());
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
    pub async fn row(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, Error> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement that returns one row for each change that it makes.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changes(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let rows = self.rows(statement).await?;
        self.note_change(!rows.is_empty());
        Ok(rows)
    }

    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changed(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        let is_single = self.enter().await?;
        let statement = statement.persistent(self.pooled_begin.is_none());
        self.is_between_statements = false;
        let answer = hear(self.connection.execute(statement), self.answer_time_max, &mut self.demotions).await;
        let changed = self.settle(answer)?.rows_affected();
        self.leave(is_single).await?;
        self.note_change(changed > 0);
        Ok(changed)
    }

    /// The same of a statement that writes little: where it finds room, work may not.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changed_little(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        self.is_small = true;
        let changed = self.changed(statement).await;
        self.is_small = false;
        changed
    }

    /// Remembers a change until it is committed, which it is by now if it stands on its own.
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

    /// Begins a transaction. It is rolled back unless [`commit`](Self::commit) comes.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn begin(&mut self) -> Result<(), Error> {
        self.is_in_transaction = true;
        let begin = self.pooled_begin.clone().unwrap_or_else(|| "BEGIN".to_owned());
        self.run(begin).await.map(drop)
    }

    /// Commits.
    ///
    /// # Errors
    /// As for [`Self::rows`]. Whether the change was committed is not known then.
    pub async fn commit(&mut self) -> Result<(), Error> {
        self.run("COMMIT".to_owned()).await?;
        self.is_in_transaction = false;
        if std::mem::take(&mut self.has_changed) {
            self.commits.note(self.is_small);
        }
        Ok(())
    }

    /// Rolls back at once, so that the rows that were locked are free for others when the caller hears of the failure. If that
    /// fails, too, the connection is closed instead, to the same end.
    pub async fn rollback(&mut self) {
        if self.is_between_statements && !self.is_condemned && self.run("ROLLBACK".to_owned()).await.is_ok() {
            self.is_in_transaction = false;
        }
        self.has_changed = false;
    }

    /// Begins a transaction for a single statement, where statements need one.
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
                self.is_between_statements = is_ordinary(&error);
                self.is_condemned |= !is_ordinary(&error);
                if is_break(&error) {
                    self.breaks.note(&error);
                }
                if is_failed_write(&error) {
                    let lacks_room = is_full(&error) && !self.is_small;
                    self.commits.void(lacks_room.then(|| error.to_string()));
                }
                Err(error)
            }
        }
    }
}

/// Waits for the answer to a statement, and not for long once another connection found the server demoted: a commit that only a
/// standby can confirm stays without an answer then.
async fn hear<T>(
    call: impl Future<Output = Result<T, Error>>,
    most: Duration,
    demotions: &mut watch::Receiver<u64>,
) -> Result<T, Error> {
    let (mut call, end) = (pin!(call), Instant::now() + most);
    tokio::select! {
        biased;
        answer = timeout_at(end, &mut call) => return answer.unwrap_or_else(|_| Err(late("", most))),
        // The sender lives as long as the session.
        _ = demotions.changed() => {}
    }
    // The statements that follow in this session are no better off.
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
        }
    }
}
