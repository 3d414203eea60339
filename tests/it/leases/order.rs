//! The order of a queue, at its edges: ids that run against it, and the ends of the priorities.

use std::cmp::Reverse;
use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_identity::Spec;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(ids_do_not_decide_who_goes_first, priorities_reach_to_their_bounds);

/// How many are submitted one after the other; a claim's look takes all of them.
const MANY: usize = 200;

async fn claimed_in_order(bee: &Client) -> Vec<String> {
    claim(bee, "t", 1000, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect()
}

/// Submits one after the other, those with the highest ids first.
// Case 6.
async fn ids_do_not_decide_who_goes_first(colony: TestColony) {
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
