//! `Fail`: retried with back-off, or not, as the executor reports.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::wire;
use apiary_identity::{Clock as _, Outcome, OutcomeKind, SystemClock};
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};

on_each_store!(
    a_retryable_failure_backs_off_and_comes_back_at_its_place,
    attempts_used_up_end_in_the_dead_letter,
    a_final_failure_is_a_dead_letter_at_once,
    a_refused_spec_is_dead_lettered_at_once,
    the_same_failure_again_is_known,
    the_words_of_a_failure_are_kept,
    another_executor_cannot_fail_it
);

// Case X12.
async fn a_retryable_failure_backs_off_and_comes_back_at_its_place(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.backoff.first_ms, spec.backoff.jitter) = (1000, 0.0);
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let before_ms = SystemClock.now_ms();
    let failure = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy");
    let answer = bee.fail(&failure).await.unwrap();
    assert!(answer.retry_at_ms >= before_ms + 1000, "{answer:?}");
    assert_eq!(state_of(&reader, spec.process_id).await, ProcessState::Blocked);
    let later = user.submit_json("t", "f", &()).await.unwrap();
    let blocked = claim(&bee, "t", 10, Duration::ZERO).await;
    assert_eq!(blocked.len(), 1, "the failed one backs off");
    bee.release(later.process_id, blocked[0].attempt).await.unwrap();
    apiary_tests::eventually("the failed one waits again", async || {
        (state_of(&reader, spec.process_id).await == ProcessState::Waiting).then_some(())
    })
    .await;
    let order: Vec<_> = claim(&bee, "t", 10, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect();
    assert_eq!(order, [spec.process_id.to_string(), later.process_id.to_string()], "it keeps its place");
}

async fn attempts_used_up_end_in_the_dead_letter(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.max_retries, spec.backoff.first_ms) = (2, 1);
    user.submit(&spec).await.unwrap();
    for retries_left in [2, 1, 0] {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!(lease.retries_left, retries_left);
        let failure = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "still busy");
        bee.fail(&failure).await.unwrap();
    }
    let process = reader.get_process(spec.process_id).await.unwrap().process.unwrap();
    assert_eq!((process.state(), process.reason.as_str()), (ProcessState::DeadLetter, "still busy"));
}

async fn a_final_failure_is_a_dead_letter_at_once(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let answer = bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "never")).await.unwrap();
    assert_eq!(answer.retry_at_ms, 0);
    assert_eq!(state_of(&reader, id).await, ProcessState::DeadLetter);
}

async fn a_refused_spec_is_dead_lettered_at_once(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "spec: broken")).await.unwrap();
    let process = reader.get_process(id).await.unwrap();
    assert_eq!(process.process.unwrap().state(), ProcessState::DeadLetter);
    assert_eq!(process.attempts[0].outcome, "refused");
}

async fn the_same_failure_again_is_known(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let failure = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy");
    assert!(!bee.fail(&failure).await.unwrap().existed);
    assert!(bee.fail(&failure).await.unwrap().existed);
}

// Case 24.
async fn the_words_of_a_failure_are_kept(colony: TestColony) {
    let words = "the ledger is closed: row 7\n\"ü\" is no amount";
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, words)).await.unwrap();
    let kept = reader.get_process(id).await.unwrap();
    let process = kept.process.unwrap();
    assert_eq!((process.state(), process.reason.as_str()), (ProcessState::DeadLetter, words));
    assert_eq!(kept.attempts[0].reason, words);
    let signed: Outcome = wire::envelope_from_proto(kept.attempts[0].result.as_ref().unwrap()).unwrap().open().unwrap();
    assert_eq!(signed.failure.as_deref(), Some(words));
}

// Case 25.
async fn another_executor_cannot_fail_it(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let spoiler = colony.executor("spoiler", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    for kind in [OutcomeKind::FailedFinal, OutcomeKind::FailedRetryable, OutcomeKind::Refused] {
        let refused = spoiler.fail(&colony.failure("spoiler", &lease, kind, "no")).await.unwrap_err();
        assert_eq!(refused.reason(), Some("LEASE_LOST"));
    }
    assert_eq!(state_of(&reader, id).await, ProcessState::Running);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
}
