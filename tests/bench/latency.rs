//! L: one process every 50 milliseconds, from the call of `submit` until a watch shows that it has succeeded.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiary_executor_sdk::{Watch, v1};
use apiary_identity::Role;
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::bee::Bee;
use crate::deployment::Deployment;
use crate::figure::{Figure, Sheet, Unit};
use crate::goals::{self, Goal};
use crate::load::spec;
use crate::span::pass;

/// Time from one submit to the next.
const INTERVAL: Duration = Duration::from_millis(50);
/// Processes before the measurement.
const WARM_UP: usize = 40;
/// Processes that are timed.
const ROUNDS: usize = 400;

/// Times of all processes.
struct Times {
    started_us: Histogram<u64>,
    finished_us: Histogram<u64>,
}

/// Measures on a database of its own.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let Times { started_us, finished_us } = times(&deployment).await?;
    let figures: [(&str, &Histogram<u64>, f64, Option<Goal>); 4] = [
        ("submit to finished, p50", &finished_us, 0.5, Some(goals::LATENCY_P50_US)),
        ("submit to finished, p99", &finished_us, 0.99, Some(goals::LATENCY_P99_US)),
        ("submit to handler start, p50", &started_us, 0.5, None),
        ("submit to handler start, p99", &started_us, 0.99, None),
    ];
    for (name, histogram, quantile, goal) in figures {
        let figure = Figure::new(name, at_quantile(histogram, quantile)?, Unit::Microseconds);
        sheet.add(Figure { goal, ..figure });
    }
    Ok(())
}

/// Returns a quantile in microseconds.
pub(crate) fn at_quantile(histogram: &Histogram<u64>, quantile: f64) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(histogram.value_at_quantile(quantile))?))
}

async fn times(deployment: &Deployment) -> anyhow::Result<Times> {
    let (started, mut starts) = mpsc::channel(1);
    let note = move |_: &_| {
        // One process at a time, so there is always room.
        let _ = started.try_send(Instant::now());
    };
    let bee = Bee::start(deployment.member(Role::Executor).await?.client, 1, note)?;
    let client = deployment.member(Role::User).await?.client;
    let filter = v1::ProcessFilter { states: vec![v1::ProcessState::Succeeded.into()], ..Default::default() };
    let mut watch = client.watch(v1::WatchRequest { filter: Some(filter), ..Default::default() }).await?;
    let mut times = Times { started_us: Histogram::new(3)?, finished_us: Histogram::new(3)? };
    for round in 0..WARM_UP + ROUNDS {
        let spec = spec(&client, round);
        let called = Instant::now();
        client.submit(&spec).await?;
        let start = starts.recv().await.context("the executor ended")?;
        until_seen(&mut watch, spec.process_id).await?;
        let finished = called.elapsed();
        if round >= WARM_UP {
            times.started_us.record(u64::try_from((start - called).as_micros())?)?;
            times.finished_us.record(u64::try_from(finished.as_micros())?)?;
        }
        pass(INTERVAL.saturating_sub(finished)).await;
    }
    bee.stop().await?;
    Ok(times)
}

async fn until_seen(watch: &mut Watch, process_id: Uuid) -> anyhow::Result<()> {
    let process_id = process_id.to_string();
    loop {
        let process = watch.next().await.context("the watch ended early")??;
        if process.process_id == process_id {
            return Ok(());
        }
    }
}
