//! U: producers that submit one process at a time, each with one call in progress, while workers run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use apiary_executor_sdk::{Client, retry};
use apiary_identity::Role;
use tokio::task::JoinSet;

use crate::bee::Bee;
use crate::deployment::Deployment;
use crate::figure::{Figure, Sheet};
use crate::floors::group;
use crate::goals;
use crate::letter::Store;
use crate::load::spec;
use crate::meter::Rate;
use crate::span::pass;

/// Time before the measurement, in which connections open.
const WARM_UP: Duration = Duration::from_secs(1);
/// Time of the measurement.
const SPAN: Duration = Duration::from_secs(8);
/// Longest time for which an overloaded broker is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Producers by which the goals are measured.
pub(crate) const PRODUCERS: usize = 32;
/// Slots of all executors together by which the goals are measured.
pub(crate) const SLOTS: usize = 64;

/// Numbers of those who submit, and of those who work.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) producers: usize,
    /// Clients, each with a key and a connection, which the producers share.
    pub(crate) clients: usize,
    pub(crate) executors: usize,
    /// Slots of each executor.
    pub(crate) slots: usize,
}

/// Measures all shapes, each on a database of its own, and on Postgres the floor.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let floor = match sheet.store {
        Store::Postgres => Some(group::measure(PRODUCERS).await?),
        Store::Sqlite => None,
    };
    if let Some(floor) = floor {
        sheet.add(Figure::rate(format!("floor: plain SQL, group commit, {PRODUCERS} producers"), floor));
    }
    let floor = floor.map(|floor| floor.per_s);
    let mut main = None;
    for producers in [1, PRODUCERS, 256] {
        let rate = fresh_rate(sheet.store, one_of_each(producers, SLOTS)).await?;
        let figure = Figure::rate(format!("{}, {SLOTS} slots", count_of(producers)), rate);
        let figure = figure.beside("group commit", floor);
        sheet.add(match producers {
            PRODUCERS => figure.with_goal(goals::singles(sheet.store)),
            _ => figure,
        });
        main = main.or((producers == PRODUCERS).then_some(rate.per_s));
    }
    let four = Shape { producers: PRODUCERS, clients: 4, executors: 4, slots: SLOTS / 4 };
    let rate = fresh_rate(sheet.store, four).await?;
    let figure = Figure::rate("4 clients of 8 producers, 4 executors of 16 slots", rate);
    sheet.add(figure.beside("1 client, 1 executor", main).with_goal(goals::FOUR_CLIENTS));
    let alone = fresh_rate(sheet.store, one_of_each(1, 1)).await?;
    sheet.add(Figure::rate(format!("{}, 1 slot", count_of(1)), alone));
    for producers in [PRODUCERS, 256] {
        let rate = fresh_rate(sheet.store, one_of_each(producers, 1)).await?;
        let figure = Figure::rate(format!("{}, 1 slot", count_of(producers)), rate);
        let figure = figure.beside("1 producer", Some(alone.per_s));
        sheet.add(if producers == PRODUCERS { figure.with_goal(goals::ONE_SLOT) } else { figure });
    }
    Ok(())
}

fn count_of(producers: usize) -> String {
    format!("{producers} producer{}", if producers == 1 { "" } else { "s" })
}

fn one_of_each(producers: usize, slots: usize) -> Shape {
    Shape { producers, clients: 1, executors: 1, slots }
}

async fn fresh_rate(store: Store, shape: Shape) -> anyhow::Result<Rate> {
    rate(&Deployment::start(store.backend().await).await?, shape).await
}

/// Measures the processes that are done in a second: those whose handlers start within the span.
pub(crate) async fn rate(deployment: &Deployment, shape: Shape) -> anyhow::Result<Rate> {
    let done = Arc::new(AtomicUsize::new(0));
    let mut bees = Vec::new();
    for executor in deployment.members(Role::Executor, shape.executors).await? {
        let done = Arc::clone(&done);
        let note = move |_: &_| {
            done.fetch_add(1, Ordering::Relaxed);
        };
        bees.push(Bee::start(executor.client, shape.slots, note)?);
    }
    let clients = deployment.members(Role::User, shape.clients).await?;
    let mut lines = JoinSet::new();
    for number in 0..shape.producers {
        let client = clients.get(number % clients.len()).context("there is no client")?.client.clone();
        lines.spawn(produce(client, number));
    }
    let mut meter = deployment.meter().await?;
    pass(WARM_UP).await;
    let (before, count_before) = (meter.sample().await?, done.load(Ordering::Relaxed));
    pass(SPAN).await;
    let count = done.load(Ordering::Relaxed) - count_before;
    let rate = meter.since(&before).await?.of(count)?;
    if let Some(ended) = lines.try_join_next() {
        ended??;
        bail!("a producer ended");
    }
    drop(lines);
    for bee in bees {
        bee.stop().await?;
    }
    Ok(rate)
}

/// Submits endlessly; ends only with an error.
async fn produce(client: Client, number: usize) -> anyhow::Result<()> {
    loop {
        let spec = spec(&client, number);
        retry(PATIENCE, || client.submit(&spec)).await?;
    }
}
