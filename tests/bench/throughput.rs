//! T: processes submitted in batches, then drained by one worker process with a handler that does nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use apiary_executor_sdk::{CancellationToken, Client, Work};
use apiary_identity::Role;

use crate::bee::Bee;
use crate::deployment::{Deployment, Member};
use crate::figure::{Figure, Sheet, Unit};
use crate::floors::{crypto, sql};
use crate::letter::Store;
use crate::memory::memory;
use crate::meter::{Meter, Rate, number};
use crate::{drain, goals, load};

/// Processes of a round.
pub(crate) const PROCESSES: usize = 20_000;
/// Processes that go the same way before, so that connections are open and statements prepared.
const WARM_UP: usize = 500;
/// Submitters, each with a connection and one call in progress.
pub(crate) const SUBMITTERS: usize = 4;
/// Executors of the round by which the goals are measured.
pub(crate) const EXECUTORS: usize = 4;
/// Slots of the SDK's executor.
const SLOTS: usize = 256;
/// Processes of a batch in the rounds by which goals are measured.
pub(crate) const BATCH: usize = 100;
/// Processes of a larger batch: the most of a call.
pub(crate) const BATCH_LARGE: usize = 1000;

/// The worker of a round.
#[derive(Clone, Copy)]
pub(crate) enum Worker {
    /// Executors by hand, each with a connection, a claim and a batch of results at a time.
    Batches { executors: usize },
    /// An executor of the SDK.
    Executor,
}

/// Rates and disk use of a round.
pub(crate) struct Round {
    pub(crate) enqueued: Rate,
    pub(crate) done: Rate,
    /// Disk of each finished process; `None` on SQLite.
    pub(crate) disk_bytes: Option<f64>,
    /// Resident memory of the first broker.
    pub(crate) broker_kib: u64,
}

/// Floors of the figures.
struct Floors {
    enqueued: f64,
    done: f64,
}

/// Measures all rounds, each on a database of its own, and on Postgres the floors.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let floors = match sheet.store {
        Store::Postgres => Some(measure_floors(sheet).await?),
        Store::Sqlite => None,
    };
    let floor = floors.as_ref();
    let main = fresh_round(sheet.store, BATCH, Worker::Batches { executors: EXECUTORS }).await?;
    add_enqueued(sheet, BATCH, main.enqueued, floor);
    add_done(sheet, EXECUTORS, main.done, floor);
    let one = fresh_round(sheet.store, BATCH_LARGE, Worker::Batches { executors: 1 }).await?;
    add_enqueued(sheet, BATCH_LARGE, one.enqueued, floor);
    add_done(sheet, 1, one.done, floor);
    let many = fresh_round(sheet.store, BATCH, Worker::Batches { executors: 16 }).await?;
    add_done(sheet, 16, many.done, floor);
    let sdk = fresh_round(sheet.store, BATCH, Worker::Executor).await?;
    sheet.add(
        Figure::rate(format!("done, Executor with {SLOTS} slots"), sdk.done)
            .beside("the batch API", Some(main.done.per_s))
            .with_goal(goals::DONE_SDK),
    );
    add_whole(sheet, &main)
}

async fn measure_floors(sheet: &Sheet) -> anyhow::Result<Floors> {
    let plain = sql::measure(sql::History::None).await?;
    sheet.add(Figure::rate("floor: plain SQL without history, enqueued", plain.enqueued));
    sheet.add(Figure::rate("floor: plain SQL without history, done", plain.done));
    let kept = sql::measure(sql::History::Kept).await?;
    sheet.add(Figure::rate("floor: plain SQL with history, enqueued", kept.enqueued));
    sheet.add(Figure::rate("floor: plain SQL with history, done", kept.done));
    let [single, batched] = crypto::measure()?;
    for (name, times) in [("alone".to_owned(), single), (format!("in batches of {BATCH}"), batched)] {
        sheet.add(Figure::new(format!("floor: signing a spec, {name}"), times.sign_us, Unit::Microseconds));
        sheet.add(Figure::new(format!("floor: verifying a spec, {name}"), times.verify_us, Unit::Microseconds));
    }
    Ok(Floors { enqueued: plain.enqueued.per_s, done: plain.done.per_s })
}

fn add_enqueued(sheet: &Sheet, batch: usize, rate: Rate, floors: Option<&Floors>) {
    let figure = Figure::rate(format!("enqueued, batches of {batch}"), rate);
    // The goal is a ratio, so that it needs the floor.
    sheet.add(match floors {
        Some(floors) => figure.beside("plain SQL", Some(floors.enqueued)).with_goal(goals::ENQUEUED),
        None => figure,
    });
}

fn add_done(sheet: &Sheet, executors: usize, rate: Rate, floors: Option<&Floors>) {
    let name = format!("done, batch API, {executors} executor{}", if executors == 1 { "" } else { "s" });
    let figure = Figure::rate(name, rate).beside("plain SQL", floors.map(|floors| floors.done));
    sheet.add(if executors == EXECUTORS { figure.with_goal(goals::done(sheet.store)) } else { figure });
}

/// Writes what a process costs from submit to end.
fn add_whole(sheet: &Sheet, round: &Round) -> anyhow::Result<()> {
    let costs = round.enqueued.costs.plus(&round.done.costs);
    let both = 1.0 / (1.0 / round.enqueued.per_s + 1.0 / round.done.per_s);
    sheet.add(Figure::rate("enqueued, then done, batch API", Rate { per_s: both, costs }));
    let figures = [
        ("write-ahead log of a process", costs.wal_bytes, Unit::Bytes, goals::WAL_BYTES),
        ("Postgres's processor time of a process", costs.postgres_us, Unit::Microseconds, goals::POSTGRES_US),
        ("disk of a finished process, with indexes", round.disk_bytes, Unit::Bytes, goals::DISK_BYTES),
    ];
    for (name, value, unit, goal) in figures {
        if let Some(value) = value {
            sheet.add(Figure::new(name, value, unit).with_goal(goal));
        }
    }
    sheet.add(memory("broker, at the end".to_owned(), round.broker_kib)?);
    Ok(())
}

/// Runs a round on an empty database.
pub(crate) async fn fresh_round(store: Store, batch: usize, worker: Worker) -> anyhow::Result<Round> {
    let deployment = Deployment::start(store.backend().await).await?;
    let done = round(&deployment, batch, worker).await?;
    ensure!(unfinished(&deployment).await? == 0, "processes are left over");
    Ok(done)
}

/// Runs a round, after a warm-up.
pub(crate) async fn round(deployment: &Deployment, batch: usize, worker: Worker) -> anyhow::Result<Round> {
    let submitters = deployment.members(Role::User, SUBMITTERS).await?;
    let count = match worker {
        Worker::Batches { executors } => executors,
        Worker::Executor => 1,
    };
    let executors = deployment.members(Role::Executor, count).await?;
    load::submit(&submitters, WARM_UP, batch).await?;
    run(&executors, worker, WARM_UP).await?;
    let mut meter = deployment.meter().await?;
    let size_before = size(&mut meter).await?;
    if let Some(observer) = meter.observer() {
        observer.checkpoint().await?;
    }
    let before = meter.sample().await?;
    load::submit(&submitters, PROCESSES, batch).await?;
    let enqueued = meter.since(&before).await?.of(PROCESSES)?;
    let before = meter.sample().await?;
    run(&executors, worker, PROCESSES).await?;
    let done = meter.since(&before).await?.of(PROCESSES)?;
    let grown = size(&mut meter).await?.zip(size_before).map(|(after, before)| i32::try_from(after - before));
    let count = number(PROCESSES)?;
    let disk_bytes = grown.transpose()?.map(|grown| f64::from(grown) / count);
    Ok(Round { enqueued, done, disk_bytes, broker_kib: deployment.process()?.resident_kib()? })
}

async fn size(meter: &mut Meter) -> anyhow::Result<Option<i64>> {
    match meter.observer() {
        Some(observer) => Ok(Some(observer.size().await?)),
        None => Ok(None),
    }
}

async fn run(executors: &[Member], worker: Worker, count: usize) -> anyhow::Result<()> {
    match worker {
        Worker::Batches { .. } => drain::drain(executors, count).await,
        Worker::Executor => handle(&executors.first().context("there is no executor")?.client, count).await,
    }
}

/// Handles `count` processes with an executor of the SDK; returns when it has reported the last result.
async fn handle(client: &Client, count: usize) -> anyhow::Result<()> {
    let (started, all) = (AtomicUsize::new(0), CancellationToken::new());
    let last = all.clone();
    let note = move |_: &Work| {
        if started.fetch_add(1, Ordering::Relaxed) + 1 == count {
            last.cancel();
        }
    };
    let bee = Bee::start(client.clone(), SLOTS, note)?;
    all.cancelled().await;
    bee.stop().await
}

/// Counts the processes that wait or run.
async fn unfinished(deployment: &Deployment) -> anyhow::Result<i64> {
    let reader = deployment.member(Role::User).await?.client;
    let counts = reader.get_colony().await?.state_counts;
    let open = counts.iter().filter(|count| ["waiting", "blocked", "running"].contains(&count.state.as_str()));
    Ok(open.map(|count| count.count).sum())
}
