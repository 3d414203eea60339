//! Readings of the database, past the broker: counts, times, dead rows.

use apiary_identity::{Clock as _, SystemClock};
use sqlx::{Connection as _, PgConnection};

use crate::stage::Stage;

/// Time in milliseconds after which no commit has an earlier time.
const SETTLED_MS: i64 = 5_000;

/// Finished processes, and the time from submit to end of the succeeded ones, in an interval.
const FINISHED: &str = "
    SELECT count(*) FILTER (WHERE finished.state = 'succeeded'), count(*) FILTER (WHERE finished.state <> 'succeeded'),
           avg(finished_at_ms - submitted_at_ms)::float8,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY finished_at_ms - submitted_at_ms)::float8
    FROM apiary.finished JOIN apiary.specs USING (process_id)
    WHERE finished_at_ms > $1 AND finished_at_ms <= $2";
/// Everything finished.
const ALL: &str = "
    SELECT count(*) FILTER (WHERE state = 'succeeded'), count(*) FILTER (WHERE state <> 'succeeded') FROM apiary.finished";
/// Dead rows, bytes of the database, and what is not finished.
const STATE: &str = "
    SELECT (SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = 'apiary'),
           pg_database_size(current_database()),
           (SELECT count(*) FROM apiary.queue) + (SELECT count(*) FROM apiary.blocked) + (SELECT count(*) FROM apiary.leases)";

/// A reader of the broker's database, on a connection of its own.
pub(crate) struct Watch {
    connection: PgConnection,
    seen_ms: i64,
}

/// Numbers of finished processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finished {
    pub(crate) succeeded: usize,
    pub(crate) otherwise: usize,
}

impl Finished {
    /// Returns the number of both.
    pub(crate) fn all(self) -> usize {
        self.succeeded + self.otherwise
    }
}

/// The database at a moment, and what ended since the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) ended: Finished,
    /// Mean and 99th percentile in milliseconds; `None` if nothing succeeded.
    pub(crate) mean_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) dead_rows: i64,
    pub(crate) database_bytes: i64,
    pub(crate) unfinished: i64,
}

impl Watch {
    /// Connects to the broker's database.
    pub(crate) async fn connect(stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self { connection: PgConnection::connect(&stage.broker_database()).await?, seen_ms: 0 })
    }

    /// Counts all finished processes.
    pub(crate) async fn finished(&mut self) -> anyhow::Result<Finished> {
        let (succeeded, otherwise) = sqlx::query_as(ALL).fetch_one(&mut self.connection).await?;
        finished(succeeded, otherwise)
    }

    /// Reads the mean time in milliseconds from submit to end of what ended since a moment, once nothing more is under way.
    pub(crate) async fn mean_since(&mut self, from_ms: i64) -> anyhow::Result<Option<f64>> {
        let ended: (i64, i64, Option<f64>, Option<f64>) =
            sqlx::query_as(FINISHED).bind(from_ms).bind(i64::MAX).fetch_one(&mut self.connection).await?;
        Ok(ended.2)
    }

    /// Forgets what ended before now.
    pub(crate) fn begin(&mut self) {
        self.seen_ms = SystemClock.now().as_millisecond() - SETTLED_MS;
    }

    /// Reads what ended since the last reading, up to some seconds ago.
    pub(crate) async fn read(&mut self) -> anyhow::Result<Reading> {
        let until = SystemClock.now().as_millisecond() - SETTLED_MS;
        let (succeeded, otherwise, mean_ms, p99_ms) =
            sqlx::query_as(FINISHED).bind(self.seen_ms).bind(until).fetch_one(&mut self.connection).await?;
        self.seen_ms = until;
        let (dead_rows, database_bytes, unfinished) = sqlx::query_as(STATE).fetch_one(&mut self.connection).await?;
        let ended = finished(succeeded, otherwise)?;
        Ok(Reading { ended, mean_ms, p99_ms, dead_rows, database_bytes, unfinished })
    }
}

fn finished(succeeded: i64, otherwise: i64) -> anyhow::Result<Finished> {
    Ok(Finished { succeeded: succeeded.try_into()?, otherwise: otherwise.try_into()? })
}
