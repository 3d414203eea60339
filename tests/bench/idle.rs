//! I: what a broker does to its database while nothing happens.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_identity::Role;
use apiary_tests::eventually_within;
use tokio::task::JoinSet;

use crate::deployment::{Deployment, Member};
use crate::figure::{Figure, Sheet, Unit};
use crate::letter::Store;
use crate::span::pass;
use crate::throughput::{BATCH_LARGE, SUBMITTERS};
use crate::{goals, load};

/// Executors, each with a key and a connection of its own.
const EXECUTORS: usize = 10;
/// Polls of each executor.
const POLLS_EACH: usize = 100;
/// Wait of a poll before it is repeated; the same as the SDK's.
const POLL_WAIT_MS: i64 = 20_000;
/// Time in which a broker comes to rest.
const REST: Duration = Duration::from_secs(5);
/// Time over which is counted: every poll is repeated once within it. Figures are for half of it.
const SPAN: Duration = Duration::from_secs(20);
/// Longest time for all polls to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures with polls and nothing to do, and with work and nobody to do it.
pub(crate) async fn measure(sheet: &Sheet, many: usize) -> anyhow::Result<()> {
    with_polls(sheet).await?;
    with_waiting(sheet, 1000).await?;
    with_waiting(sheet, many).await
}

async fn with_polls(sheet: &Sheet) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let executors = deployment.members(Role::Executor, EXECUTORS).await?;
    let polls = wait_with(&deployment, &executors, POLLS_EACH, POLL_WAIT_MS).await?;
    count(sheet, &deployment, &format!("{} polls", EXECUTORS * POLLS_EACH)).await?;
    drop(polls);
    Ok(())
}

async fn with_waiting(sheet: &Sheet, waiting: usize) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let submitters = deployment.members(Role::User, SUBMITTERS).await?;
    load::submit(&submitters, waiting, BATCH_LARGE).await?;
    if sheet.store == Store::Postgres {
        // Otherwise Postgres's own maintenance would do it during the measurement.
        deployment.backend().execute("VACUUM ANALYZE").await;
    }
    count(sheet, &deployment, &format!("{waiting} waiting, nobody there")).await
}

/// Starts polls, each executor's after those of the one before, and waits until all of them wait. A broker takes only so many requests of one
/// address at the same moment.
pub(crate) async fn wait_with(
    deployment: &Deployment,
    executors: &[Member],
    each: usize,
    wait_ms: i64,
) -> anyhow::Result<JoinSet<()>> {
    let mut polls = JoinSet::new();
    for (number, Member { client, .. }) in executors.iter().enumerate() {
        for _ in 0..each {
            let request = v1::ClaimRequest {
                // Nobody submits any.
                executor_type: "idle".to_owned(),
                count_max: 1,
                wait_ms,
                ..v1::ClaimRequest::default()
            };
            let client = client.clone();
            polls.spawn(async move { while client.claim(request.clone()).await.is_ok() {} });
        }
        let all = u64::try_from((number + 1) * each)?;
        eventually_within(PATIENCE, "every poll waits", async || {
            (deployment.claims_waiting().await.ok()? == all).then_some(())
        })
        .await;
    }
    Ok(polls)
}

async fn count(sheet: &Sheet, deployment: &Deployment, state: &str) -> anyhow::Result<()> {
    let mut meter = deployment.meter().await?;
    if let Some(observer) = meter.observer() {
        observer.checkpoint().await?;
    }
    pass(REST).await;
    let before = meter.sample().await?;
    pass(SPAN).await;
    let used = meter.since(&before).await?;
    // Of the statements alone: the server's own maintenance writes too, at moments of its own.
    if let Some(statements) = used.postgres.as_ref().and_then(|used| used.statements.as_ref()) {
        let half = |value: i64| i32::try_from(value).map(|value| f64::from(value) / 2.0);
        let figure = Figure::new(format!("statements in 10 s, {state}"), half(statements.calls)?, Unit::Count);
        sheet.add(figure.with_goal(goals::IDLE_STATEMENTS));
        let figure = Figure::new(format!("write-ahead log in 10 s, {state}"), half(statements.wal_bytes)?, Unit::Bytes);
        sheet.add(figure.with_goal(goals::IDLE_WAL_BYTES));
    }
    let busy = used.brokers.unwrap_or_default().div_duration_f64(used.took) * 100.0;
    sheet.add(Figure::new(format!("broker, of one core, {state}"), busy, Unit::Percent));
    Ok(())
}
