//! M: resident memory of a broker and a bee, each a process of its own.

use apiary_executor_sdk::Client;
use apiary_identity::{Content, Role};
use tokio::task::JoinSet;

use crate::deployment::{Deployment, ECHO};
use crate::figure::{Figure, Sheet, Unit};
use crate::idle::wait_with;
use crate::load::{args, submit};
use crate::throughput::{BATCH_LARGE, SUBMITTERS};
use crate::{goals, polls};

/// Processes that both handle before the first measurement.
const DONE: usize = 1000;
/// Waiting processes before the second measurement of the broker.
const WAITING: usize = 100_000;
/// Polls that are added to them.
const POLLS: usize = 1000;
/// Wait of these polls: longer than the measurement.
const POLL_WAIT_MS: i64 = 60_000;
/// Submits in progress at the same time.
const AT_ONCE: usize = 64;

/// Measures both; on SQLite, the database's own memory is part of the broker's.
pub(crate) async fn measure(sheet: &Sheet) -> anyhow::Result<()> {
    let deployment = Deployment::start(sheet.store.backend().await).await?;
    let bee = deployment.start_bee().await?;
    run(&deployment.member(Role::User).await?.client).await?;
    let broker = deployment.process()?;
    sheet.add(memory(format!("bee, {DONE} processes done"), bee.resident_kib()?)?.with_goal(goals::BEE_KIB));
    sheet.add(memory(format!("broker, {DONE} processes done"), broker.resident_kib()?)?);
    submit(&deployment.members(Role::User, SUBMITTERS).await?, WAITING, BATCH_LARGE).await?;
    sheet.add(memory(format!("broker, {WAITING} waiting"), broker.resident_kib()?)?);
    let executors = deployment.members(Role::Executor, 10).await?;
    let waiting = wait_with(&deployment, &executors, POLLS / executors.len(), POLL_WAIT_MS).await?;
    let name = format!("broker, {WAITING} waiting, {POLLS} polls");
    sheet.add(memory(name, broker.resident_kib()?)?.with_goal(goals::BROKER_KIB));
    drop((waiting, bee, deployment));
    polls::measure(sheet).await
}

/// Creates a figure of resident memory.
pub(crate) fn memory(name: String, kib: u64) -> anyhow::Result<Figure> {
    let name = format!("memory: {name}");
    Ok(Figure::new(name, f64::from(u32::try_from(kib)?), Unit::Kibibytes))
}

/// Has the bee do its first processes.
async fn run(submitter: &Client) -> anyhow::Result<()> {
    let mut lines = JoinSet::new();
    for line in 0..AT_ONCE {
        let submitter = submitter.clone();
        lines.spawn(async move {
            for number in (line..DONE).step_by(AT_ONCE) {
                let spec = submitter.spec(ECHO, ECHO).with_args(Content::from_bytes(&args(number)));
                submitter.submit(&spec).await?;
                submitter.wait_until_finished(spec.process_id).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    Ok(())
}
