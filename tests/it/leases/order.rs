//! The order of a queue at its edges: submits within a millisecond, and the bounds of priorities.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_identity::{Clock as _, ManualClock, Spec, SystemClock};
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony};

on_each_store!(ids_do_not_decide_who_goes_first, priorities_reach_to_their_bounds);

/// Number of processes submitted one after the other; a claim takes all of them.
const MANY: usize = 200;

async fn claimed_in_order(bee: &Client) -> Vec<String> {
    claim(bee, "t", 1000, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect()
}

// Case 6.
async fn ids_do_not_decide_who_goes_first(colony: TestColony) {
    assert_first_in_is_first_out(&colony).await;
}

/// With a clock that stands still, all submits have the same millisecond. (Over Postgres the database's clock counts,
/// which cannot be stopped.)
// Case 6.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_within_one_millisecond_first_in_is_first_out() {
    let backend = Backend::sqlite().await;
    let (store, clock) = (backend.store_config(), ManualClock::new(SystemClock.now()));
    assert_first_in_is_first_out(&TestColony::start_with(backend, store, Arc::new(clock)).await).await;
}

/// Submits processes one after the other, the highest ids first, and claims all.
async fn assert_first_in_is_first_out(colony: &TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut specs: Vec<Spec> = (0..MANY).map(|_| user.spec("t", "f")).collect();
    specs.sort_by_key(|spec| Reverse(spec.process_id));
    for spec in &specs {
        user.submit(spec).await.unwrap();
    }
    let submitted: Vec<_> = specs.iter().map(|spec| spec.process_id.to_string()).collect();
    assert_eq!(claimed_in_order(&bee).await, submitted);
}

// Case 8.
async fn priorities_reach_to_their_bounds(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut submitted = Vec::new();
    for priority in [0, -50_000, 50_000, 49_999, -49_999] {
        let mut spec = user.spec("t", "f");
        spec.priority = priority;
        submitted.push((Reverse(priority), user.submit(&spec).await.unwrap().process_id.to_string()));
    }
    submitted.sort();
    let expected: Vec<_> = submitted.into_iter().map(|(_, process_id)| process_id).collect();
    assert_eq!(claimed_in_order(&bee).await, expected);
}
