//! Cost of a broker that only holds polls and watches open.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::Role;
use apiary_tests::{Backend, eventually_within};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::processes::Broker;

/// Executors, each with a key and a connection of its own.
const EXECUTORS: usize = 10;
/// Polls of each executor: slightly fewer than a broker accepts of a key.
const POLLS_EACH: usize = 1000;
/// Clients that watch.
const WATCHERS: usize = 4;
/// Watches of each client, each of a process that is never claimed.
const WATCHES_EACH: usize = 250;
/// Wait of a poll before it is repeated; the same as the SDK's.
const POLL_WAIT_MS: i64 = 20_000;
/// Time over which processor time is counted: every poll is repeated three times within it.
const SPAN: Duration = Duration::from_secs(60);
/// Longest time for all polls to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// Resident memory in KiB, and processor time in percent of one core.
#[derive(Serialize)]
pub(crate) struct Idle {
    /// Without clients.
    pub(crate) alone_kib: u64,
    /// With ten thousand polls.
    pub(crate) polls_kib: u64,
    /// With ten thousand polls.
    pub(crate) polls_percent: f64,
    /// With a thousand watches in addition.
    pub(crate) watches_kib: u64,
    /// With a thousand watches in addition.
    pub(crate) watches_percent: f64,
}

/// Measures a broker on this database.
pub(crate) async fn measure(backend: Backend) -> anyhow::Result<Idle> {
    let broker = Broker::start(backend).await?;
    let alone_kib = broker.process().resident_kib()?;
    let mut polls = JoinSet::new();
    for number in 0..EXECUTORS {
        let executor = broker.member(Role::Executor, &format!("executor-{number}")).await?;
        for _ in 0..POLLS_EACH {
            polls.spawn(poll_on(executor.clone()));
        }
    }
    let all = u64::try_from(EXECUTORS * POLLS_EACH)?;
    eventually_within(PATIENCE, "every poll waits", async || {
        (broker.claims_waiting().await.ok()? == all).then_some(())
    })
    .await;
    let polls_percent = busy_percent(&broker).await?;
    let polls_kib = broker.process().resident_kib()?;
    let mut watches = Vec::new();
    for number in 0..WATCHERS {
        watches.extend(watch_on(&broker.member(Role::User, &format!("watcher-{number}")).await?).await?);
    }
    let watches_percent = busy_percent(&broker).await?;
    let watches_kib = broker.process().resident_kib()?;
    anyhow::ensure!(polls.try_join_next().is_none(), "a poll failed in the meantime");
    drop(watches);
    Ok(Idle { alone_kib, polls_kib, polls_percent, watches_kib, watches_percent })
}

/// Polls endlessly; ends only with an error.
async fn poll_on(executor: Client) {
    let request = v1::ClaimRequest {
        executor_type: "idle".to_owned(),
        count_max: 1,
        wait_ms: POLL_WAIT_MS,
        ..v1::ClaimRequest::default()
    };
    while executor.claim(request.clone()).await.is_ok() {}
}

/// Opens the watches, one after the other, and checks that each shows a process.
async fn watch_on(watcher: &Client) -> anyhow::Result<Vec<apiary_executor_sdk::Watch>> {
    let mut watches = Vec::new();
    for _ in 0..WATCHES_EACH {
        let process_id = watcher.submit_json("nobody", "nothing", &()).await?.process_id;
        let request = v1::WatchRequest { process_id: process_id.to_string(), ..Default::default() };
        let mut watch = watcher.watch(request).await?;
        watch.next().await.context("a watch shows the process as it is")??;
        watches.push(watch);
    }
    Ok(watches)
}

/// Measures the broker's processor time over the span, in percent.
async fn busy_percent(broker: &Broker) -> anyhow::Result<f64> {
    let (start, before) = (Instant::now(), broker.process().processor_time()?);
    // The measured span: nothing happens in it.
    tokio::time::sleep(SPAN).await;
    let used = broker.process().processor_time()?.saturating_sub(before);
    Ok(used.div_duration_f64(start.elapsed()) * 100.0)
}
