//! `LimitService`.

mod crowds;
mod list_limits;
mod policies;
mod remove_limit;
mod set_limit;

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Time shorter than the slow poll by which a broker finds work without a notification.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Builds a limit on the number of running processes.
fn running(kind: &str, pattern: &str, running_max: i32) -> v1::Limit {
    v1::Limit { kind: kind.into(), pattern: pattern.into(), running_max, ..Default::default() }
}

/// Builds a limit on the rate of starts.
fn rate(kind: &str, pattern: &str, rate_count: i32, interval_ms: i64, burst: i32) -> v1::Limit {
    v1::Limit { kind: kind.into(), pattern: pattern.into(), rate_count, interval_ms, burst, ..Default::default() }
}

async fn submit_keyed(user: &Client, concurrency_key: &str) -> Uuid {
    let mut spec = user.spec("t", "f");
    spec.concurrency_key = Some(concurrency_key.to_owned());
    user.submit(&spec).await.unwrap().process_id
}

async fn submit_rated(user: &Client, rate_key: &str) -> Uuid {
    let mut spec = user.spec("t", "f");
    spec.rate_key = Some(rate_key.to_owned());
    user.submit(&spec).await.unwrap().process_id
}

/// Claims everything that can be claimed now.
async fn claim_all(bee: &Client) -> Vec<v1::Lease> {
    claim(bee, "t", 99, Duration::ZERO).await
}

/// Starts a claim that waits far longer than any of these tests.
fn poll(bee: &Client, executor_type: &'static str) -> JoinHandle<Vec<v1::Lease>> {
    let bee = bee.clone();
    tokio::spawn(async move { claim(&bee, executor_type, 1, Duration::from_secs(50)).await })
}

async fn answer(poll: JoinHandle<Vec<v1::Lease>>) -> Uuid {
    let leases = timeout(AT_ONCE, poll).await.expect("the poll is woken").unwrap();
    assert_eq!(leases.len(), 1);
    leases[0].process_id.parse().unwrap()
}

async fn complete(colony: &TestColony, bee: &Client, lease: &v1::Lease) {
    bee.complete(&colony.success("bee", lease, b"1")).await.unwrap();
}
