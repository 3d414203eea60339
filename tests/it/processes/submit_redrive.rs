//! `Submit` with `on_failed: redrive`: a submitter's next spec of the same key redrives the failed process.

use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Envelope, OnFailed, OutcomeKind, Role, Spec};
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};
use serde_json::Value;
use uuid::Uuid;

on_each_store!(
    a_new_spec_of_the_key_puts_a_dead_letter_back_with_all_its_retries,
    a_process_that_nobody_took_in_time_is_put_back_too,
    the_same_bytes_never_redrive_twice,
    what_did_not_fail_is_answered_with_as_it_is,
    of_many_specs_at_once_exactly_one_redrives,
    in_a_batch_each_spec_redrives_what_it_met,
    only_the_key_that_submitted_it_redrives,
    a_renewed_grant_of_the_same_key_redrives,
    without_the_word_nothing_is_put_back,
    what_was_redriven_as_another_stays,
    a_spec_that_redrove_something_is_answered_also_when_that_is_deleted,
    a_child_goes_on_when_its_parent_is_put_back
);

/// Builds a spec that requests a redrive.
fn resend(user: &Client) -> Spec {
    let mut spec = user.spec("t", "f");
    (spec.idempotency_key, spec.on_failed, spec.max_retries) = (Some("evt_1".into()), OnFailed::Redrive, 0);
    spec
}

/// Claims the only waiting process, and fails it for good.
async fn fail(colony: &TestColony, bee: &Client) {
    let lease = colony.claim_one(bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such customer")).await.unwrap();
}

async fn a_new_spec_of_the_key_puts_a_dead_letter_back_with_all_its_retries(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = resend(&user);
    (spec.max_retries, spec.backoff.first_ms) = (1, 1);
    let first = user.submit(&spec).await.unwrap();
    assert_eq!((first.existed, first.redriven), (false, false));
    for _ in 0..2 {
        let lease = colony.claim_one(&bee, "t").await;
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy")).await.unwrap();
    }
    assert_eq!(state_of(&reader, first.process_id).await, ProcessState::DeadLetter);
    let poll = tokio::spawn({
        let bee = bee.clone();
        async move { claim(&bee, "t", 1, Duration::from_secs(50)).await }
    });
    colony.wait_for_polls(1).await;
    let again = user.submit(&resend(&user)).await.unwrap();
    assert_eq!((again.process_id, again.existed, again.redriven), (first.process_id, true, true));
    assert_eq!(again.state, ProcessState::Waiting);
    let leases = poll.await.unwrap();
    assert_eq!(leases.len(), 1, "the poll that waits is answered");
    assert_eq!((leases[0].attempt, leases[0].retries_left), (3, 1));
    bee.complete(&colony.success("bee", &leases[0], b"1")).await.unwrap();
    let kept = reader.get_process(first.process_id).await.unwrap();
    assert_eq!((kept.process.unwrap().state(), kept.attempts.len()), (ProcessState::Succeeded, 3));
    assert_eq!(
        apiary_executor_sdk::wire::envelope_from_proto(&kept.spec.unwrap()).unwrap(),
        Envelope::seal(&colony.key_of("ada"), &spec).unwrap(),
        "the first spec runs again"
    );
}

async fn a_process_that_nobody_took_in_time_is_put_back_too(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut spec = resend(&user);
    spec.max_wait_ms = 1;
    let id = user.submit(&spec).await.unwrap().process_id;
    super::in_state(&reader, id, ProcessState::Failed).await;
    let again = user.submit(&resend(&user)).await.unwrap();
    assert_eq!((again.process_id, again.redriven), (id, true));
    super::in_state(&reader, id, ProcessState::Failed).await;
}

// Case X1.
async fn the_same_bytes_never_redrive_twice(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let (first, second) = (resend(&user), resend(&user));
    let id = user.submit(&first).await.unwrap().process_id;
    fail(&colony, &bee).await;
    let same = user.submit(&first).await.unwrap();
    assert_eq!((same.existed, same.redriven, same.state), (true, false, ProcessState::DeadLetter));
    assert!(user.submit(&second).await.unwrap().redriven);
    let replayed = user.submit(&second).await.unwrap();
    assert_eq!((replayed.process_id, replayed.redriven, replayed.state), (id, false, ProcessState::Waiting));
    fail(&colony, &bee).await;
    for spec in [&first, &second] {
        let replayed = user.submit(spec).await.unwrap();
        assert_eq!((replayed.process_id, replayed.existed, replayed.redriven), (id, true, false));
        assert_eq!(replayed.state, ProcessState::DeadLetter);
    }
    assert_eq!(state_of(&reader, id).await, ProcessState::DeadLetter);
    let mut other = second.clone();
    other.priority = 1;
    assert_eq!(user.submit(&other).await.unwrap_err().reason(), Some("TAKEN"), "its id stays taken");
    assert_eq!(reader.get_process(second.process_id).await.unwrap_err().reason(), Some("NOT_FOUND"));
}

async fn what_did_not_fail_is_answered_with_as_it_is(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    let as_it_is = async |state| {
        let again = user.submit(&resend(&user)).await.unwrap();
        assert_eq!((again.process_id, again.existed, again.redriven, again.state), (id, true, false, state));
    };
    as_it_is(ProcessState::Waiting).await;
    let lease = colony.claim_one(&bee, "t").await;
    as_it_is(ProcessState::Running).await;
    bee.release_for(id, lease.attempt, Duration::from_secs(3600)).await.unwrap();
    as_it_is(ProcessState::Blocked).await;
    ops.retry(id).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    as_it_is(ProcessState::Succeeded).await;
    let mut other = resend(&user);
    other.idempotency_key = Some("evt_2".into());
    let cancelled = user.submit(&other).await.unwrap().process_id;
    ops.cancel(cancelled, "not wanted", None).await.unwrap();
    other.process_id = Uuid::now_v7();
    let again = user.submit(&other).await.unwrap();
    assert_eq!((again.redriven, again.state), (false, ProcessState::Cancelled), "whoever cancelled it meant it");
}

async fn of_many_specs_at_once_exactly_one_redrives(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    let peer = colony.start_peer_if_shared().await;
    let other = peer.as_ref().map(|peer| peer.client(colony.key.id(), &colony.key_of("ada")));
    for _ in 0..3 {
        fail(&colony, &bee).await;
        let specs: Vec<Spec> = (0..10).map(|_| resend(&user)).collect();
        let submits = specs.iter().enumerate().map(|(number, spec)| match &other {
            Some(other) if number % 2 == 0 => other.submit(spec),
            _ => user.submit(spec),
        });
        let answers = futures::future::try_join_all(submits).await.unwrap();
        assert!(answers.iter().all(|answer| answer.existed && answer.process_id == id));
        assert_eq!(answers.iter().filter(|answer| answer.redriven).count(), 1, "{answers:?}");
    }
}

async fn in_a_batch_each_spec_redrives_what_it_met(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let key = colony.key_of("ada");
    let keyed = |number: usize| {
        let mut spec = resend(&user);
        spec.idempotency_key = Some(format!("evt_{number}"));
        Envelope::seal(&key, &spec).unwrap()
    };
    let first = user.submit_batch(&(0..20).map(keyed).collect::<Vec<_>>()).await.unwrap();
    for _ in 0..20 {
        fail(&colony, &bee).await;
    }
    // The first ten twice.
    let again: Vec<Envelope> = (0..20).chain(0..10).map(keyed).collect();
    let answers = user.submit_batch(&again).await.unwrap();
    let process = |number: usize| answers[number].process.clone().unwrap();
    assert!((0..30).all(|number| process(number).existed));
    for (number, first) in first.iter().enumerate() {
        let twice = number < 10 && process(20 + number).redriven;
        assert!(process(number).redriven != twice, "{number} is put back once");
        assert_eq!(process(number).process_id, first.process.as_ref().unwrap().process_id);
    }
    let leases = claim(&bee, "t", 30, apiary_tests::colony::CLAIM_WAIT).await;
    assert_eq!(leases.len(), 20);
}

async fn only_the_key_that_submitted_it_redrives(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    fail(&colony, &bee).await;
    let eve = colony.user("eve").await;
    let answer = eve.submit(&resend(&eve)).await.unwrap();
    assert_eq!((answer.process_id, answer.existed, answer.redriven), (id, true, false));
    assert_eq!((answer.state, state_of(&reader, id).await), (ProcessState::DeadLetter, ProcessState::DeadLetter));
    assert!(user.submit(&resend(&user)).await.unwrap().redriven);
}

async fn a_renewed_grant_of_the_same_key_redrives(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit(&resend(&user)).await.unwrap();
    fail(&colony, &bee).await;
    let owner = colony.client(&colony.key);
    let key = colony.key_of("ada");
    let renewed = colony.grant_document(&key, "ada-2", Role::User, &["*"], &["*"], &[]);
    owner.add_grant(&Envelope::seal(&colony.key, &renewed).unwrap()).await.unwrap();
    colony.backend.execute("UPDATE specs SET submitter = (SELECT max(key) FROM grants WHERE name = 'ada-2')").await;
    assert!(user.submit(&resend(&user)).await.unwrap().redriven);
}

async fn without_the_word_nothing_is_put_back(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    fail(&colony, &bee).await;
    let mut plain = resend(&user);
    plain.on_failed = OnFailed::Keep;
    let answer = user.submit(&plain).await.unwrap();
    assert_eq!((answer.process_id, answer.redriven, answer.state), (id, false, ProcessState::DeadLetter));
    // Over HTTP, too, with it and without.
    let url = format!("http://{}/v1/processes", colony.address());
    for redriven in [true, false] {
        let body = Envelope::seal(&colony.key_of("ada"), &resend(&user)).unwrap().to_json();
        let answer = apiary_tests::http().post(&url).body(body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["redriven"], &answer["existed"]), (&redriven.into(), &true.into()), "{answer}");
        assert_eq!((answer["process_id"].as_str(), &answer["state"]), (Some(&*id.to_string()), &"waiting".into()));
    }
    let mut keyless = user.spec("t", "f");
    keyless.on_failed = OnFailed::Redrive;
    let refused = user.submit(&keyless).await.unwrap_err();
    assert!(refused.to_string().contains("on_failed"), "{refused}");
}

async fn what_was_redriven_as_another_stays(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    fail(&colony, &bee).await;
    let other = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    ops.redrive_as_envelope(id, &other).await.unwrap();
    let answer = user.submit(&resend(&user)).await.unwrap();
    assert_eq!((answer.process_id, answer.redriven, answer.state), (id, false, ProcessState::Failed));
}

async fn a_spec_that_redrove_something_is_answered_also_when_that_is_deleted(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit(&resend(&user)).await.unwrap().process_id;
    fail(&colony, &bee).await;
    let second = resend(&user);
    assert!(user.submit(&second).await.unwrap().redriven);
    fail(&colony, &bee).await;
    colony.client(&colony.key).delete(id).await.unwrap();
    let replayed = user.submit(&second).await.unwrap();
    assert_eq!((replayed.process_id, replayed.existed, replayed.redriven), (id, true, false));
    assert_eq!(replayed.state, ProcessState::DeadLetter);
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty(), "nothing runs of it");
    assert!(!user.submit(&resend(&user)).await.unwrap().existed, "its key went with it");
}

async fn a_child_goes_on_when_its_parent_is_put_back(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let parent = user.submit(&resend(&user)).await.unwrap().process_id;
    let mut child = user.spec("t", "f");
    child.parents.insert(parent);
    let child = user.submit(&child).await.unwrap().process_id;
    fail(&colony, &bee).await;
    assert_eq!(state_of(&reader, child).await, ProcessState::Blocked);
    assert!(user.submit(&resend(&user)).await.unwrap().redriven);
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(colony.claim_one(&bee, "t").await.process_id, child.to_string());
}
