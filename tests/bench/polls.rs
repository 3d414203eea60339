//! M: cost of a broker that only holds many polls and watches open.

use std::time::Duration;

use anyhow::Context as _;
use apiary_executor_sdk::{Client, Watch, v1};
use apiary_identity::Role;

use crate::deployment::Deployment;
use crate::figure::{Figure, Sheet, Unit};
use crate::idle::wait_with;
use crate::memory::memory;
use crate::span::pass;

/// Executors, each with a key and a connection of its own.
const EXECUTORS: usize = 20;
/// Polls of each executor: fewer than a broker accepts on a connection.
const POLLS_EACH: usize = 500;
/// Clients that watch.
const WATCHERS: usize = 4;
/// Watches of each client, each of a process that is never claimed.
const WATCHES_EACH: usize = 250;
/// Wait of a poll before it is repeated; the same as the SDK's.
const POLL_WAIT_MS: i64 = 20_000;
/// Time over which processor time is counted: every poll is repeated three times within it.
const SPAN: Duration = Duration::from_secs(60);

/// Measures a broker on a database of its own.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let broker = deployment.process()?;
    sheet.add(memory("broker, nobody there".to_owned(), broker.resident_kib()?)?);
    let executors = deployment.members(Role::Executor, EXECUTORS).await?;
    let mut polls = wait_with(&deployment, &executors, POLLS_EACH, POLL_WAIT_MS).await?;
    let crowd = format!("{} polls", EXECUTORS * POLLS_EACH);
    add_use(sheet, &deployment, &crowd).await?;
    let mut watches = Vec::new();
    for watcher in deployment.members(Role::User, WATCHERS).await? {
        watches.extend(watch_on(&watcher.client).await?);
    }
    add_use(sheet, &deployment, &format!("{crowd}, {} watches", watches.len())).await?;
    anyhow::ensure!(polls.try_join_next().is_none(), "a poll failed in the meantime");
    drop(watches);
    Ok(())
}

/// Opens the watches, one after the other, and checks that each shows a process.
async fn watch_on(watcher: &Client) -> anyhow::Result<Vec<Watch>> {
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

/// Writes the broker's processor time over the span, and its memory after it.
async fn add_use(sheet: &Sheet, deployment: &Deployment, crowd: &str) -> anyhow::Result<()> {
    let mut meter = deployment.meter().await?;
    let before = meter.sample().await?;
    pass(SPAN).await;
    let used = meter.since(&before).await?;
    let busy = used.brokers.unwrap_or_default().div_duration_f64(used.took) * 100.0;
    sheet.add(Figure::new(format!("broker, of one core, {crowd}"), busy, Unit::Percent));
    sheet.add(memory(format!("broker, {crowd}"), deployment.process()?.resident_kib()?)?);
    Ok(())
}
