//! The table `apiary.outbox` in the user's database.

use std::collections::BTreeSet;
use std::time::Duration;

use apiary_database::{PostgresPool, PostgresPoolOptions, query, sql};
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgRow};

use super::OutboxConfig;
use super::error::OutboxError;
use super::job::{Mark, Row};
use crate::StartError;
use crate::limits::{
    OUTBOX_ANSWER_TIMEOUT, OUTBOX_ARGS_BYTES_MAX, OUTBOX_BATCH_BYTES_MAX, OUTBOX_CONNECT_TIMEOUT, OUTBOX_COUNT_MAX,
    OUTBOX_DELETE_ROWS_MAX, OUTBOX_TEXT_CHARS_MAX, REFUSAL_CHARS_MAX, SET_ASIDE_RETRY_MAX, SET_ASIDE_RETRY_MIN,
};

/// Name of the sessions, as the user's database shows them.
const SESSION_NAME: &str = "apiary-outbox";

/// The table, read over one connection.
pub(super) struct OutboxTable {
    server: PgConnectOptions,
    pool: PostgresPool,
}

/// Waiting rows, and the snapshot of their round.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) snapshot: Option<String>,
}

/// Numbers of rows, up to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    pub(super) waiting: u64,
    pub(super) waiting_age_ms: Option<i64>,
    pub(super) refused: u64,
    /// Refused rows that are tried again by themselves.
    pub(super) retrying: u64,
    /// Problem of the first refused row.
    pub(super) problem: Option<String>,
}

impl OutboxTable {
    /// Creates a table that connects at its first use.
    pub(super) fn new(config: &OutboxConfig) -> Result<Self, StartError> {
        let server = config.server()?.application_name(SESSION_NAME);
        let options = PostgresPoolOptions {
            connections_max: 1,
            acquire_time_max: OUTBOX_CONNECT_TIMEOUT,
            answer_time_max: OUTBOX_ANSWER_TIMEOUT,
            session_settings: String::new(),
            transaction_settings: String::new(),
            has_transaction_pooler: config.has_transaction_pooler,
        };
        Ok(Self { pool: PostgresPool::new(server.clone(), options), server })
    }

    /// Returns the server, for a connection that listens.
    pub(super) fn server(&self) -> &PgConnectOptions {
        &self.server
    }

    /// Returns true if there is a transaction pooler, through which nothing can listen.
    pub(super) async fn is_pooled(&self) -> Result<bool, OutboxError> {
        Ok(self.pool.is_pooled().await?)
    }

    /// Checks that the table is there and that the role may read and mark rows. Returns the database's own id.
    pub(super) async fn check(&self) -> Result<String, OutboxError> {
        let row = self.pool.session().await?.row(query(sql!("check.sql"))).await?;
        let row = row.ok_or_else(|| OutboxError::NoTable("`apiary.outbox_database` has no row".to_owned()))?;
        for (right, words) in [("may_read", "it may not read rows"), ("may_mark", "it may not mark rows")] {
            if !row.try_get::<bool, _>(right)? {
                return Err(OutboxError::NoRight(words.to_owned()));
            }
        }
        if row.try_get::<bool, _>("hides_rows")? {
            return Err(OutboxError::Hidden);
        }
        Ok(row.try_get("id")?)
    }

    /// Reads the next rows of the round with this snapshot, or of a new round; at most so many.
    pub(super) async fn read(&self, snapshot: Option<&str>, rows_max: usize) -> Result<Batch, OutboxError> {
        let read = query(sql!("read.sql"))
            .bind(snapshot)
            .bind(i64::try_from(rows_max).unwrap_or(i64::MAX))
            .bind(args_bytes_max())
            .bind(OUTBOX_BATCH_BYTES_MAX)
            .bind(OUTBOX_TEXT_CHARS_MAX);
        let found = self.pool.session().await?.rows(read).await?;
        let own = found.first().map(|row| row.try_get("snapshot")).transpose()?;
        let rows = found.iter().map(row).collect::<Result<_, _>>()?;
        Ok(Batch { rows, snapshot: snapshot.map(str::to_owned).or(own) })
    }

    /// Reads refused rows that are to be tried again now; at most so many.
    pub(super) async fn read_refused(&self, rows_max: usize) -> Result<Vec<Row>, OutboxError> {
        let read = query(sql!("read_refused.sql"))
            .bind(i64::try_from(rows_max).unwrap_or(i64::MAX))
            .bind(args_bytes_max())
            .bind(OUTBOX_BATCH_BYTES_MAX)
            .bind(OUTBOX_TEXT_CHARS_MAX);
        let found = self.pool.session().await?.rows(read).await?;
        Ok(found.iter().map(row).collect::<Result<_, _>>()?)
    }

    /// Marks rows; returns the ids of those that were marked.
    pub(super) async fn mark(&self, marks: &[Mark]) -> Result<BTreeSet<i64>, OutboxError> {
        if marks.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids: Vec<i64> = marks.iter().map(|mark| mark.id).collect();
        let processes: Vec<Option<String>> =
            marks.iter().map(|mark| mark.outcome.as_ref().ok().map(ToString::to_string)).collect();
        let problems: Vec<Option<String>> =
            marks.iter().map(|mark| mark.outcome.as_ref().err().map(|problem| problem.text.clone())).collect();
        let may_pass: Vec<bool> =
            marks.iter().map(|mark| mark.outcome.as_ref().is_err_and(|problem| problem.may_pass)).collect();
        let [shortest, longest] = [SET_ASIDE_RETRY_MIN, SET_ASIDE_RETRY_MAX]
            .map(|pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        let mark = query(sql!("mark.sql")).bind(ids).bind(processes).bind(problems);
        let mark = mark.bind(may_pass).bind(shortest).bind(longest);
        let marked = self.pool.session().await?.changes(mark).await?;
        Ok(marked.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }

    /// Counts waiting and refused rows.
    pub(super) async fn count(&self) -> Result<RowCounts, OutboxError> {
        let chars = i32::try_from(REFUSAL_CHARS_MAX).unwrap_or(i32::MAX);
        let count = query(sql!("count.sql")).bind(OUTBOX_COUNT_MAX).bind(chars);
        let Some(row) = self.pool.session().await?.row(count).await? else { return Ok(RowCounts::default()) };
        let number = |name: &str| row.try_get::<i64, _>(name).map(|number| u64::try_from(number).unwrap_or(0));
        Ok(RowCounts {
            waiting: number("waiting")?,
            waiting_age_ms: row.try_get("waiting_age_ms")?,
            refused: number("refused")?,
            retrying: number("retrying")?,
            problem: row.try_get("problem")?,
        })
    }

    /// Deletes some of the rows that were submitted so long ago; returns their number.
    pub(super) async fn delete_older(&self, than: Duration) -> Result<u64, OutboxError> {
        let age_ms = i64::try_from(than.as_millis()).unwrap_or(i64::MAX);
        let delete = query(sql!("delete.sql")).bind(age_ms).bind(OUTBOX_DELETE_ROWS_MAX);
        Ok(self.pool.session().await?.changed(delete).await?)
    }

    /// Closes the connection.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Returns the bound on a row's arguments, as Postgres counts it.
fn args_bytes_max() -> i32 {
    i32::try_from(OUTBOX_ARGS_BYTES_MAX).unwrap_or(i32::MAX)
}

fn row(row: &PgRow) -> Result<Row, sqlx::Error> {
    let bytes: i32 = row.try_get("bytes")?;
    Ok(Row {
        id: row.try_get("id")?,
        uid: row.try_get("uid")?,
        function: row.try_get("function")?,
        executor_type: row.try_get("executor_type")?,
        key: row.try_get("key")?,
        priority: row.try_get("priority")?,
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        args: row.try_get("args")?,
    })
}
