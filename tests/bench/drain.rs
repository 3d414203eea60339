//! Executors by hand: they claim many processes at once, verify each, and end them in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use apiary_executor_sdk::CancellationToken;
use apiary_executor_sdk::guard::Guard;
use apiary_executor_sdk::lease::{Claimant, Subject, examine};
use apiary_executor_sdk::v1;
use apiary_identity::{Clock as _, Content, Document as _, Envelope, Outcome, SystemClock};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::deployment::{BENCH, Member};

/// Processes of one claim.
const CLAIMED: i32 = 100;
/// Wait of a claim for work.
const WAIT_MS: i64 = 1000;

/// Processes that are not done yet.
struct Rest {
    count: AtomicUsize,
    is_none: CancellationToken,
}

/// Drains `count` processes; returns when the broker has accepted the last result.
pub(crate) async fn drain(executors: &[Member], count: usize) -> anyhow::Result<()> {
    let rest = Arc::new(Rest { count: AtomicUsize::new(count), is_none: CancellationToken::new() });
    let mut lines = JoinSet::new();
    for executor in executors.iter().cloned() {
        lines.spawn(work(executor, Arc::clone(&rest)));
    }
    // Lines that wait for work at the end are dropped with their set.
    tokio::select! {
        () = rest.is_none.cancelled() => Ok(()),
        // Lines end by themselves only when all is done, or with an error.
        Some(ended) = lines.join_next() => ended?,
    }
}

async fn work(executor: Member, rest: Arc<Rest>) -> anyhow::Result<()> {
    let request = v1::ClaimRequest {
        executor_type: BENCH.to_owned(),
        count_max: CLAIMED,
        wait_ms: WAIT_MS,
        ..v1::ClaimRequest::default()
    };
    let guard = Guard::default();
    while !rest.is_none.is_cancelled() {
        let leases = executor.client.claim(request.clone()).await?.leases;
        if leases.is_empty() {
            continue;
        }
        let results = leases.iter().map(|lease| result(&executor, &guard, lease)).collect::<anyhow::Result<_>>()?;
        let results = Envelope::sign_all(&executor.key, Outcome::PAYLOAD_TYPE, results);
        for answer in executor.client.end_batch(&results).await? {
            ensure!(answer.reason.is_empty(), "a result was refused: {} {}", answer.reason, answer.message);
        }
        let before = rest
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_sub(results.len())));
        if before.is_ok_and(|before| before <= results.len()) {
            rest.is_none.cancel();
        }
    }
    Ok(())
}

/// Verifies a lease and makes its result, to be signed: what an `Executor` does around a handler.
fn result(executor: &Member, guard: &Guard, lease: &v1::Lease) -> anyhow::Result<Bytes> {
    let client = &executor.client;
    let claimant = Claimant { executor_type: BENCH, name: None, functions: None };
    let work =
        examine(client, &claimant, guard, lease).map_err(|rejection| anyhow::anyhow!("{}", rejection.words()))?;
    let subject = Subject::of(lease).context("a lease names process and attempt")?;
    let (process_id, now) = (work.spec.process_id, SystemClock.now());
    let output = Content::default();
    let outcome = Outcome::succeeded(client.colony(), process_id, subject.attempt, subject.spec_digest, now, output);
    Ok(outcome.to_json()?.into())
}
