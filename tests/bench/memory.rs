//! Resident memory of a broker and a bee, each a process of its own.

use std::time::Duration;

use apiary_executor_sdk::{Client, retry};
use apiary_identity::{Content, Role};
use apiary_tests::Backend;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::processes::{Broker, ECHO};

/// Processes that both handle before the first measurement.
const DONE: usize = 1000;
/// Waiting processes before the second measurement of the broker.
const WAITING: usize = 100_000;
/// Submits in progress at the same time.
const AT_ONCE: usize = 64;
/// Bytes of arguments of each process.
const ARGS_BYTES: usize = 256;

/// Resident memory, in KiB.
#[derive(Serialize)]
pub(crate) struct Memory {
    /// The bee, after a thousand processes.
    pub(crate) bee_kib: u64,
    /// The broker, after the same.
    pub(crate) broker_kib: u64,
    /// The broker, with a hundred thousand processes waiting.
    pub(crate) broker_100k_waiting_kib: u64,
}

/// Measures both on SQLite, so that the database's own memory is part of it.
pub(crate) async fn measure() -> anyhow::Result<Memory> {
    let broker = Broker::start(Backend::sqlite().await).await?;
    let bee = broker.start_bee().await?;
    let submitter = broker.member(Role::User, "submitter").await?;
    submit(&submitter, ECHO, DONE, true).await?;
    let (bee_kib, broker_kib) = (bee.resident_kib()?, broker.process().resident_kib()?);
    submit(&submitter, "nobody", WAITING, false).await?;
    Ok(Memory { bee_kib, broker_kib, broker_100k_waiting_kib: broker.process().resident_kib()? })
}

async fn submit(submitter: &Client, executor_type: &str, count: usize, wait: bool) -> anyhow::Result<()> {
    let mut lines = JoinSet::new();
    for line in 0..AT_ONCE {
        let share = count / AT_ONCE + usize::from(line < count % AT_ONCE);
        let (submitter, executor_type) = (submitter.clone(), executor_type.to_owned());
        lines.spawn(async move {
            for _ in 0..share {
                let spec = submitter.spec(&executor_type, ECHO).with_args(Content::from_bytes(&[b'a'; ARGS_BYTES]));
                retry(Duration::from_secs(60), || submitter.submit(&spec)).await?;
                if wait {
                    submitter.wait_until_finished(spec.process_id).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    Ok(())
}
