//! `Retry`: a blocked process waits to be claimed at once.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(a_back_off_a_snooze_and_a_not_before_can_be_cut_short, max_wait_starts_then, only_operators_retry);

async fn a_back_off_a_snooze_and_a_not_before_can_be_cut_short(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.not_before, spec.backoff.first_ms) = (Some(spec.submit_by), 3_600_000);
    let id = user.submit(&spec).await.unwrap().process_id;
    for cause in ["not_before", "backoff", "snooze"] {
        assert_eq!(ops.get_process(id).await.unwrap().process.unwrap().blocked_cause, cause);
        // A waiting poll gets it at once.
        let poll = claim(&bee, "t", 1, Duration::from_secs(20));
        let (leases, process) = tokio::join!(poll, async { ops.retry(id).await.unwrap() });
        assert!(matches!(process.state(), ProcessState::Waiting | ProcessState::Running));
        match cause {
            "not_before" => {
                let failure = colony.failure("bee", &leases[0], OutcomeKind::FailedRetryable, "busy");
                bee.fail(&failure).await.unwrap();
            }
            "backoff" => bee.release_for(id, 2, Duration::from_secs(3600)).await.unwrap(),
            _ => {
                let refused = ops.retry(id).await.unwrap_err();
                assert!(refused.to_string().contains("`running`"), "{refused}");
                bee.complete(&colony.success("bee", &leases[0], b"1")).await.unwrap();
            }
        }
    }
    assert_eq!(ops.retry(id).await.unwrap_err().reason(), Some("STATE_CONFLICT"));
}

async fn max_wait_starts_then(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let mut spec = user.spec("t", "f");
    (spec.not_before, spec.max_wait_ms) = (Some(spec.submit_by), 300);
    let id = user.submit(&spec).await.unwrap().process_id;
    ops.retry(id).await.unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(10), ops.wait_until_finished(id)).await.unwrap().unwrap();
    assert_eq!(failed.state(), ProcessState::Failed);
}

async fn only_operators_retry(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.not_before = Some(spec.submit_by);
    let id = user.submit(&spec).await.unwrap().process_id;
    for nobody in [&user, &reader, &bee] {
        assert_eq!(nobody.retry(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
}
