//! `Release`: work given back without a result.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};

on_each_store!(
    it_waits_again_at_once_and_spends_no_retry,
    only_the_holder_releases,
    it_snoozes_and_spends_no_retry,
    waits_for_surroundings_spend_no_retry_however_many_there_are,
    a_process_that_is_given_back_waits_no_longer_than_it_may
);

async fn it_waits_again_at_once_and_spends_no_retry(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 0;
    user.submit(&spec).await.unwrap();
    for attempt in 1..=3 {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!((lease.attempt, lease.retries_left), (attempt, 0));
        bee.release(spec.process_id, attempt).await.unwrap();
    }
    let again = bee.release(spec.process_id, 3).await.unwrap_err();
    assert_eq!(again.reason(), Some("LEASE_LOST"));
}

async fn only_the_holder_releases(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let other = colony.executor("other", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(other.release(id, lease.attempt).await.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(user.release(id, lease.attempt).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    assert!(bee.release(id, lease.attempt).await.is_ok());
}

async fn it_snoozes_and_spends_no_retry(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 0;
    let id = user.submit(&spec).await.unwrap().process_id;
    for attempt in 1..=2 {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!((lease.attempt, lease.retries_left), (attempt, 0));
        bee.release_for(id, attempt, Duration::from_millis(400)).await.unwrap();
        let process = reader.get_process(id).await.unwrap();
        assert_eq!(process.attempts.last().unwrap().outcome, "snoozed");
        let process = process.process.unwrap();
        assert_eq!((process.state(), process.blocked_cause.as_str()), (ProcessState::Blocked, "snooze"));
        assert!(process.state_until_ms >= process.state_since_ms + 400);
        assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    }
    let lease = colony.claim_one(&bee, "t").await;
    for delay in [Duration::from_secs(400 * 24 * 3600), Duration::MAX] {
        let refused = bee.release_for(id, lease.attempt, delay).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"));
    }
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
}

/// A process with a single retry, which is only for failures of the work itself.
async fn waits_for_surroundings_spend_no_retry_however_many_there_are(colony: TestColony) {
    const WAITS: usize = 50;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.max_retries, spec.backoff.first_ms) = (1, 0);
    user.submit(&spec).await.unwrap();
    let wait = async || {
        for _ in 0..WAITS {
            let lease = colony.claim_one(&bee, "t").await;
            let pause = Duration::from_millis(1);
            bee.release_to_wait(spec.process_id, lease.attempt, pause, "record-key", "the key is refused")
                .await
                .unwrap();
        }
        reader.get_process(spec.process_id).await.unwrap().process.unwrap()
    };
    let process = wait().await;
    assert_eq!((process.attempt, process.retries_spent), (50, 0));
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "no")).await.unwrap();
    let process = wait().await;
    assert_eq!((process.attempt, process.retries_spent), (101, 1));
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(lease.retries_left, 0);
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "no")).await.unwrap();
    assert_eq!(state_of(&reader, spec.process_id).await, ProcessState::DeadLetter, "its own failures count");
}

async fn a_process_that_is_given_back_waits_no_longer_than_it_may(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_wait_ms = 500;
    let id = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.release(id, lease.attempt).await.unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(10), reader.wait_until_finished(id)).await.unwrap().unwrap();
    assert_eq!(failed.state(), ProcessState::Failed);
}
