//! Plain SQL with group commit: producers hand their rows one at a time to one writer, which inserts all that came
//! meanwhile in one statement; a worker claims and deletes. Without history.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use apiary_tests::Backend;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::deployment::observer_of;
use crate::load::args;
use crate::meter::{Meter, Rate};
use crate::span::pass;

/// Rows of one statement, at most.
const ROWS_MAX: usize = 1000;
/// Rows of one claim.
const CLAIMED: i32 = 64;
/// Time before the measurement.
const WARM_UP: Duration = Duration::from_secs(1);
/// Time of the measurement.
const SPAN: Duration = Duration::from_secs(5);

const CREATE: &str = "CREATE TABLE jobs (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, is_claimed boolean NOT NULL \
                      DEFAULT false, args bytea NOT NULL) WITH (fillfactor = 50)";
const INSERT: &str = "INSERT INTO jobs (args) SELECT unnest($1::bytea[])";
const CLAIM: &str = "UPDATE jobs SET is_claimed = true WHERE key = ANY (ARRAY(SELECT key FROM jobs WHERE NOT is_claimed \
                     ORDER BY key LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING key, args";
const DELETE: &str = "DELETE FROM jobs WHERE key = ANY ($1)";

/// A row to insert, and who waits for its commit.
type Row = (Vec<u8>, oneshot::Sender<()>);

/// Measures the rows that are done in a second, with this number of producers.
pub(crate) async fn measure(producers: usize) -> anyhow::Result<Rate> {
    let backend = Backend::postgres().await;
    let mut meter = Meter::new(Vec::new(), observer_of(&backend).await?);
    let (mut writer, worker) =
        (PgConnection::connect(&backend.url()).await?, PgConnection::connect(&backend.url()).await?);
    sqlx::query(CREATE).execute(&mut writer).await?;
    let (rows, arriving) = mpsc::channel(ROWS_MAX);
    let (some, done) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let mut lines = JoinSet::new();
    lines.spawn(write(writer, arriving, Arc::clone(&some)));
    lines.spawn(work(worker, some, Arc::clone(&done)));
    for number in 0..producers {
        lines.spawn(produce(rows.clone(), number));
    }
    pass(WARM_UP).await;
    let (before, count_before) = (meter.sample().await?, done.load(Ordering::Relaxed));
    pass(SPAN).await;
    let count = done.load(Ordering::Relaxed) - count_before;
    let rate = meter.since(&before).await?.of(count)?;
    ensure!(lines.try_join_next().is_none(), "the floor with group commit failed");
    Ok(rate)
}

async fn produce(rows: mpsc::Sender<Row>, number: usize) -> anyhow::Result<()> {
    loop {
        let (committed, wait) = oneshot::channel();
        rows.send((args(number), committed)).await.context("the writer ended")?;
        wait.await.context("the writer ended")?;
    }
}

async fn write(mut connection: PgConnection, mut rows: mpsc::Receiver<Row>, some: Arc<Notify>) -> anyhow::Result<()> {
    let mut gathered = Vec::new();
    while rows.recv_many(&mut gathered, ROWS_MAX).await > 0 {
        let (args, waiting): (Vec<_>, Vec<_>) = gathered.drain(..).unzip();
        sqlx::query(INSERT).bind(args).execute(&mut connection).await?;
        some.notify_one();
        for committed in waiting {
            // A failed send means that the producer is gone.
            let _ = committed.send(());
        }
    }
    Ok(())
}

async fn work(mut connection: PgConnection, some: Arc<Notify>, done: Arc<AtomicUsize>) -> anyhow::Result<()> {
    loop {
        let claim = sqlx::query_as::<_, (i64, Vec<u8>)>(CLAIM).bind(CLAIMED);
        let keys: Vec<i64> = claim.fetch_all(&mut connection).await?.into_iter().map(|(key, _)| key).collect();
        if keys.is_empty() {
            some.notified().await;
            continue;
        }
        let count = keys.len();
        sqlx::query(DELETE).bind(keys).execute(&mut connection).await?;
        done.fetch_add(count, Ordering::Relaxed);
    }
}
