//! Latency from the call of `submit` to the start of the handler, on an idle colony.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiary_tests::TestColony;
use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use crate::bee::{BENCH, Bee};

/// Pause after which the colony is idle: the executor has reported and waits for work again.
const IDLE: Duration = Duration::from_millis(10);

/// Measures the latency in microseconds of each of `rounds` processes, after `warm_up` others.
pub(crate) async fn submit_to_start(
    colony: &TestColony,
    warm_up: usize,
    rounds: usize,
) -> anyhow::Result<Histogram<u64>> {
    let (started, mut starts) = mpsc::channel(1);
    let note = move |_: &_| {
        // One process at a time, so there is always room.
        let _ = started.try_send(Instant::now());
    };
    let bee = Bee::start(colony, 1, note).await?;
    let submitter = colony.user("submitter").await;
    let mut histogram = Histogram::new(3)?;
    for round in 0..warm_up + rounds {
        // Part of what is measured: a colony that has been idle.
        tokio::time::sleep(IDLE).await;
        let spec = submitter.spec(BENCH, BENCH);
        let called = Instant::now();
        submitter.submit(&spec).await?;
        let start = starts.recv().await.context("the executor ended")?;
        if round >= warm_up {
            histogram.record(u64::try_from((start - called).as_micros())?)?;
        }
    }
    bee.stop().await?;
    Ok(histogram)
}
