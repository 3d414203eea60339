//! `Complete`: once, by whoever holds the lease.

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Envelope, OutcomeKind, Role};
use apiary_tests::TestColony;
use apiary_tests::colony::state_of;

on_each_store!(
    the_same_result_again_is_answered_as_the_first_time,
    a_second_result_cannot_replace_the_first,
    another_executor_cannot_complete,
    an_old_attempt_cannot_complete,
    a_result_must_name_the_bytes_that_were_submitted,
    a_failure_is_not_a_completion,
    a_success_outside_the_executors_scope_is_refused
);

async fn the_same_result_again_is_answered_as_the_first_time(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let result = colony.success("bee", &lease, b"1");
    assert!(!bee.complete(&result).await.unwrap().existed);
    assert!(bee.complete(&result).await.unwrap().existed);
}

async fn a_second_result_cannot_replace_the_first(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let first = colony.success("bee", &lease, b"1");
    bee.complete(&first).await.unwrap();
    let other = bee.complete(&colony.success("bee", &lease, b"2")).await.unwrap_err();
    assert_eq!(other.reason(), Some("LEASE_LOST"));
    let fail = colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no");
    assert_eq!(bee.fail(&fail).await.unwrap_err().reason(), Some("LEASE_LOST"));
    let kept = reader.get_process(id).await.unwrap();
    assert_eq!(kept.attempts[0].result.as_ref().unwrap().payload, first.payload);
    assert_eq!(kept.process.unwrap().state(), ProcessState::Succeeded);
}

async fn another_executor_cannot_complete(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let thief = colony.executor("thief", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let refused = thief.complete(&colony.success("thief", &lease, b"1")).await.unwrap_err();
    assert_eq!(refused.reason(), Some("LEASE_LOST"));
    assert_eq!(state_of(&reader, id).await, ProcessState::Running);
    // And a user cannot at all.
    let user_result = colony.success("ada", &lease, b"1");
    assert_eq!(user.complete(&user_result).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}

async fn an_old_attempt_cannot_complete(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let first = colony.claim_one(&bee, "t").await;
    bee.release(id, first.attempt).await.unwrap();
    let second = colony.claim_one(&bee, "t").await;
    let late = bee.complete(&colony.success("bee", &first, b"1")).await.unwrap_err();
    assert_eq!(late.reason(), Some("LEASE_LOST"), "the same executor, but an attempt too old");
    bee.complete(&colony.success("bee", &second, b"2")).await.unwrap();
}

async fn a_result_must_name_the_bytes_that_were_submitted(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let mut lease = colony.claim_one(&bee, "t").await;
    let mut spec = apiary_executor_sdk::wire::envelope_from_proto(&lease.spec.take().unwrap()).unwrap();
    spec.signature[0] ^= 1;
    lease.spec = Some(apiary_executor_sdk::wire::envelope_to_proto(&spec));
    let refused = bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    assert!(refused.to_string().contains("spec_digest"), "{refused}");
}

async fn a_failure_is_not_a_completion(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let failure = colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no");
    assert_eq!(bee.complete(&failure).await.unwrap_err().reason(), Some("INVALID"));
    let success = colony.success("bee", &lease, b"1");
    assert_eq!(bee.fail(&success).await.unwrap_err().reason(), Some("INVALID"));
    let mut forged: Envelope = success;
    forged.signature[5] ^= 1;
    assert_eq!(bee.complete(&forged).await.unwrap_err().reason(), Some("SIGNATURE_INVALID"));
}

async fn a_success_outside_the_executors_scope_is_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("narrow", Role::Executor, &["f"], &["t"], &[]).await;
    user.submit_json("t", "g", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let refused = bee.complete(&colony.success("narrow", &lease, b"1")).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("`g`"), "{refused}");
    let failure = colony.failure("narrow", &lease, OutcomeKind::FailedFinal, "not my work");
    assert!(bee.fail(&failure).await.is_ok(), "it may still say that it cannot");
}
