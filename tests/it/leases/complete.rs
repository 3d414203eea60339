//! `Complete`: once, by the lease's holder.

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_executor_sdk::wire;
use apiary_identity::{Clock as _, Envelope, Grant, Outcome, OutcomeKind, Role, SystemClock, chain};
use apiary_tests::colony::state_of;
use apiary_tests::{TestColony, spoil};
use jiff::SignedDuration;

on_each_store!(
    a_process_waits_runs_and_succeeds,
    the_output_is_read_as_it_was_given,
    what_nobody_holds_cannot_be_ended,
    a_failed_process_cannot_succeed,
    the_same_result_again_is_answered_as_the_first_time,
    a_second_result_cannot_replace_the_first,
    another_executor_cannot_complete,
    an_old_attempt_cannot_complete,
    a_result_must_name_the_bytes_that_were_submitted,
    a_failure_is_not_a_completion,
    a_success_outside_the_executors_scope_is_refused,
    a_result_that_could_not_be_verified_later_is_refused,
    a_refusal_of_other_bytes_can_be_verified
);

// Case 21.
async fn a_process_waits_runs_and_succeeds(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let seen = async || {
        let answer = reader.get_process(id).await.unwrap();
        (answer.process.unwrap(), answer.attempts)
    };
    let (waiting, attempts) = seen().await;
    assert_eq!((waiting.state(), waiting.executor.as_str(), attempts.len()), (ProcessState::Waiting, "", 0));
    let lease = colony.claim_one(&bee, "t").await;
    let (running, attempts) = seen().await;
    assert_eq!((running.state(), running.executor.as_str()), (ProcessState::Running, "bee"));
    assert!(attempts[0].claimed_at_ms >= waiting.submitted_at_ms, "{attempts:?}");
    assert_eq!((attempts[0].executor.as_str(), attempts[0].ended_at_ms), ("bee", 0));
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let (succeeded, attempts) = seen().await;
    assert_eq!((succeeded.state(), succeeded.executor.as_str()), (ProcessState::Succeeded, "bee"));
    assert!(attempts[0].ended_at_ms >= attempts[0].claimed_at_ms, "{attempts:?}");
    assert_eq!(succeeded.state_since_ms, attempts[0].ended_at_ms);
}

// Case 22.
async fn the_output_is_read_as_it_was_given(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    for output in [b" [\"second\", 1.0,\n {\"b\": 2, \"a\": 1}] ".as_slice(), b"\xff\x00", b""] {
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        bee.complete(&colony.success("bee", &lease, output)).await.unwrap();
        let kept = reader.get_process(id).await.unwrap().attempts[0].result.take().unwrap();
        let kept: Outcome = wire::envelope_from_proto(&kept).unwrap().open().unwrap();
        assert_eq!(kept.output().to_bytes().unwrap(), output);
    }
}

/// Signed by an executor that does not hold the lease.
// Case 26.
async fn what_nobody_holds_cannot_be_ended(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let spec = reader.get_process(id).await.unwrap().spec;
    let imagined = v1::Lease { process_id: id.to_string(), attempt: 1, spec, ..Default::default() };
    let success = bee.complete(&colony.success("bee", &imagined, b"1")).await.unwrap_err();
    let failure = colony.failure("bee", &imagined, OutcomeKind::FailedFinal, "no");
    let failure = bee.fail(&failure).await.unwrap_err();
    assert_eq!((success.reason(), failure.reason()), (Some("LEASE_LOST"), Some("LEASE_LOST")));
    assert_eq!(state_of(&reader, id).await, ProcessState::Waiting);
    // The lease is still there for its real holder.
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
}

// Cases 27, X5.
async fn a_failed_process_cannot_succeed(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    for kind in [OutcomeKind::FailedFinal, OutcomeKind::Refused] {
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        let failure = colony.failure("bee", &lease, kind, "no");
        bee.fail(&failure).await.unwrap();
        let refused = bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err();
        assert_eq!((refused.reason(), refused.is_retryable()), (Some("LEASE_LOST"), false));
        assert!(refused.to_string().contains(&id.to_string()), "it names the process: {refused}");
        let kept = reader.get_process(id).await.unwrap();
        assert_eq!((kept.process.unwrap().state(), kept.attempts.len()), (ProcessState::DeadLetter, 1));
        assert_eq!(kept.attempts[0].result.as_ref().unwrap().payload, failure.payload, "the first word stands");
    }
}

// Cases X1, X5.
async fn the_same_result_again_is_answered_as_the_first_time(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let result = colony.success("bee", &lease, b"1");
    assert!(!bee.complete(&result).await.unwrap().existed);
    assert!(bee.complete(&result).await.unwrap().existed);
}

// Case X5.
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

// Case 25.
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

// Case X4.
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
    spec.payload = [&spec.payload[..], b" "].concat().into();
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
    spoil(&mut forged);
    assert_eq!(bee.complete(&forged).await.unwrap_err().reason(), Some("SIGNATURE_INVALID"));
}

async fn a_success_outside_the_executors_scope_is_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("narrow", Role::Executor, &["f"], &["t"], &[]).await;
    user.submit_json("t", "f", &()).await.unwrap();
    // A claim never hands out another function, so that the test changes the database.
    colony.backend.execute("UPDATE specs SET function = 'g'").await;
    let lease = colony.claim_one(&bee, "t").await;
    let refused = bee.complete(&colony.success("narrow", &lease, b"1")).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("`g`"), "{refused}");
    let failure = colony.failure("narrow", &lease, OutcomeKind::FailedFinal, "not my work");
    assert!(bee.fail(&failure).await.is_ok(), "it may still say that it cannot");
}

async fn a_result_that_could_not_be_verified_later_is_refused(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let key = colony.key_of("bee");
    let late = |outcome: &Envelope, seconds: i64| {
        let mut outcome: Outcome = outcome.open().unwrap();
        outcome.finished_at = SystemClock.now() + SignedDuration::from_secs(seconds);
        Envelope::seal(&key, &outcome).unwrap()
    };
    let success = colony.success("bee", &lease, b"1");
    let kinds = [OutcomeKind::FailedRetryable, OutcomeKind::FailedFinal, OutcomeKind::Refused];
    let failures = kinds.map(|kind| colony.failure("bee", &lease, kind, "no"));
    // Outside the grant, before the attempt, or in the future: such a result could not be verified.
    for seconds in [-400_000, -3600, -120, 120, 3600, 48 * 3600, 400_000] {
        let refused = bee.complete(&late(&success, seconds)).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{seconds}: {refused}");
        for failure in &failures {
            let refused = bee.fail(&late(failure, seconds)).await.unwrap_err();
            assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{seconds}: {refused}");
        }
        let answers = bee.end_batch(&[late(&success, seconds)]).await.unwrap();
        assert_eq!(answers[0].reason, "NOT_PERMITTED", "{seconds}: {answers:?}");
        let mut progress = colony.progress(&lease, 1);
        progress.at = SystemClock.now() + SignedDuration::from_secs(seconds);
        let refused = bee.report(&Envelope::seal(&key, &progress).unwrap()).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{seconds}: {refused}");
    }
    assert_eq!(state_of(&reader, id).await, ProcessState::Running);
    // A slightly wrong clock is accepted, and the stored result can be verified.
    bee.complete(&late(&success, 30)).await.unwrap();
    let kept = reader.get_process(id).await.unwrap();
    let open = |envelope: &Option<v1::Envelope>| wire::envelope_from_proto(envelope.as_ref().unwrap()).unwrap();
    let (grant, result) = (open(&kept.attempts[0].executor_grant), open(&kept.attempts[0].result));
    assert_eq!(grant.open::<Grant>().unwrap().name, "bee");
    chain::verify_result(&colony.key.id(), &grant, &open(&kept.spec), 1, &result).unwrap();
}

async fn a_refusal_of_other_bytes_can_be_verified(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut lease = colony.claim_one(&bee, "t").await;
    let mut garbled = lease.spec.take().unwrap();
    garbled.payload = [&garbled.payload[..], b" "].concat().into();
    lease.spec = Some(garbled);
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "the signature is wrong")).await.unwrap();
    let kept = reader.get_process(id).await.unwrap();
    let open = |envelope: &Option<v1::Envelope>| wire::envelope_from_proto(envelope.as_ref().unwrap()).unwrap();
    let (grant, result) = (open(&kept.attempts[0].executor_grant), open(&kept.attempts[0].result));
    let outcome = chain::verify_result(&colony.key.id(), &grant, &open(&kept.spec), 1, &result).unwrap();
    assert_ne!(outcome.spec_digest, open(&kept.spec).digest());
}
