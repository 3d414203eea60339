//! Throughput: processes per second, submitted, claimed, run, reported, and seen as succeeded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use apiary_executor_sdk::{Client, Watch, v1};
use apiary_tests::TestColony;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::bee::{BENCH, Bee};

/// Waiters by process.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// Measures `count` processes, with `in_flight` of them between submit and success at any time.
pub(crate) async fn completed_per_s(colony: &TestColony, in_flight: usize, count: usize) -> anyhow::Result<f64> {
    let bee = Bee::start(colony, in_flight, |_| {}).await?;
    let submitter = colony.user("submitter").await;
    let waiting = Waiting::default();
    let filter = v1::ProcessFilter { states: vec![v1::ProcessState::Succeeded.into()], ..Default::default() };
    let request = v1::WatchRequest { filter: Some(filter), ..Default::default() };
    let watch = colony.reader().await.watch(request).await?;
    let watching = tokio::spawn(tell(watch, Arc::clone(&waiting)));
    let start = Instant::now();
    let mut lines = JoinSet::new();
    for line in 0..in_flight {
        let share = count / in_flight + usize::from(line < count % in_flight);
        lines.spawn(run_one_after_another(submitter.clone(), Arc::clone(&waiting), share));
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    let took = start.elapsed();
    watching.abort();
    bee.stop().await?;
    Ok(f64::from(u32::try_from(count)?) / took.as_secs_f64())
}

async fn run_one_after_another(submitter: Client, waiting: Waiting, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        let spec = submitter.spec(BENCH, BENCH);
        let (done, succeeded) = oneshot::channel();
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.process_id.to_string(), done);
        submitter.submit(&spec).await?;
        succeeded.await.context("the watch ended early")?;
    }
    Ok(())
}

async fn tell(mut watch: Watch, waiting: Waiting) {
    while let Some(Ok(process)) = watch.next().await {
        let done = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&process.process_id);
        // A failed send means that the waiter is gone.
        let _ = done.map(|done| done.send(()));
    }
    // Dropping the senders ends all remaining waits.
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
