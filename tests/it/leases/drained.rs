//! A drained executor: it gets nothing, and is notified at once.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use tokio::time::timeout;

on_each_store!(a_claim_of_a_drained_executor_is_answered_at_once_and_empty);

/// Time far longer than the test.
const LONG_MS: i64 = 50_000;
/// Time shorter than the slow poll.
const AT_ONCE: Duration = Duration::from_secs(4);

async fn a_claim_of_a_drained_executor_is_answered_at_once_and_empty(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let other = colony.executor("other", "t").await;
    colony
        .backend
        .execute("INSERT INTO drains (colony, name, drained_by, since_ms) SELECT key, 'bee', 'ada', 0 FROM colonies")
        .await;
    let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: LONG_MS, ..Default::default() };
    let answer = timeout(AT_ONCE, bee.claim(request.clone())).await.expect("it does not wait").unwrap();
    assert!(answer.drain && answer.leases.is_empty());
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
    let answer = timeout(AT_ONCE, bee.claim(request)).await.expect("it does not wait").unwrap();
    assert!(answer.drain && answer.leases.is_empty(), "there is work, and not for it");
    let leases = claim(&other, "t", 1, Duration::ZERO).await;
    assert_eq!(leases[0].process_id, process_id);
}
