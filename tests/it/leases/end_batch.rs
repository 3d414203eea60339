//! `EndBatch`: many attempts ended in one call, each for itself.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};

on_each_store!(each_attempt_ends_as_its_result_says, a_batch_has_its_bounds);

async fn each_attempt_ends_as_its_result_says(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let reader = colony.reader().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(user.submit_json("t", "f", &()).await.unwrap().process_id);
    }
    let leases = claim(&bee, "t", 4, Duration::from_secs(10)).await;
    bee.release(ids[3], 1).await.unwrap();
    let results = [
        colony.success("bee", &leases[0], b"1"),
        colony.failure("bee", &leases[1], OutcomeKind::FailedRetryable, "later"),
        colony.failure("bee", &leases[2], OutcomeKind::FailedFinal, "never"),
        colony.success("bee", &leases[3], b"1"),
    ];
    let answers = bee.end_batch(&results).await.unwrap();
    let reasons: Vec<_> = answers.iter().map(|answer| answer.reason.as_str()).collect();
    assert_eq!(reasons, ["", "", "", "LEASE_LOST"]);
    assert!(answers[1].retry_at_ms > 0 && answers[0].retry_at_ms == 0);
    let mut states = Vec::new();
    for id in &ids {
        states.push(state_of(&reader, *id).await);
    }
    assert_eq!(states, [ProcessState::Succeeded, ProcessState::Blocked, ProcessState::Failed, ProcessState::Waiting]);
    let again = bee.end_batch(&results[..3]).await.unwrap();
    assert!(again.iter().all(|answer| answer.existed), "{again:?}");
}

async fn a_batch_has_its_bounds(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    assert_eq!(bee.end_batch(&[]).await.unwrap_err().reason(), Some("INVALID"));
}
