//! `Explain`: the reasons why a process is not running, with a test for each.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, Envelope, OutcomeKind, Requirements, Revocation, Role, SystemClock};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use jiff::SignedDuration;
use uuid::Uuid;

on_each_store!(
    no_executor_of_its_type_is_known,
    an_executor_that_waits_for_approval_is_named,
    an_executor_that_was_removed_is_named_and_how_it_comes_back,
    the_executors_of_its_type_never_came,
    it_is_for_an_executor_that_nobody_is,
    no_grant_covers_its_function,
    nobody_has_what_it_requires_and_how_far_off_they_are,
    what_is_paused_by_whom_and_since_when,
    a_wait_that_stands_still_has_no_end,
    all_that_could_take_it_are_drained,
    all_that_could_take_it_are_at_work,
    a_concurrency_key_is_used_up_and_by_whom,
    a_rate_is_used_up_and_until_when,
    its_time_has_not_come,
    its_parents_have_not_succeeded,
    it_backs_off_after_a_failure,
    its_executor_gave_it_back_for_a_while,
    somebody_runs_it,
    it_is_being_cancelled,
    it_is_a_dead_letter_because_of_its_last_failure,
    how_it_ended,
    its_place_in_the_queue_and_how_long_that_takes,
    only_readers_ask_and_only_in_their_colony,
);

async fn explained(reader: &Client, process_id: Uuid) -> v1::ExplainResponse {
    reader.explain(process_id).await.unwrap()
}

/// Returns the only reason of this kind.
async fn reason(reader: &Client, process_id: Uuid, kind: &str) -> v1::ExplainedReason {
    let answer = explained(reader, process_id).await;
    let kinds: Vec<&str> = answer.reasons.iter().map(|reason| reason.kind.as_str()).collect();
    let found: Vec<_> = answer.reasons.iter().filter(|reason| reason.kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind} is one of {kinds:?}");
    found[0].clone()
}

/// Asserts the kind of the first reason, and returns it.
async fn first(reader: &Client, process_id: Uuid, kind: &str) -> v1::ExplainedReason {
    let answer = explained(reader, process_id).await;
    assert_eq!(answer.reasons[0].kind, kind, "{:?}", answer.reasons);
    answer.reasons[0].clone()
}

/// Adds an executor that was seen just now, and has no work.
async fn idle(colony: &TestColony, name: &str, executor_type: &str) -> Client {
    let bee = colony.executor(name, executor_type).await;
    assert!(claim(&bee, executor_type, 1, Duration::ZERO).await.is_empty());
    bee
}

async fn no_executor_of_its_type_is_known(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    idle(&colony, "bee", "other").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let reason = first(&reader, id, "NO_EXECUTOR").await;
    assert!(reason.text.contains("`t`"), "{}", reason.text);
    assert_eq!(explained(&reader, id).await.queue_position, 1);
}

async fn an_executor_that_waits_for_approval_is_named(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let stranger = colony.client(&apiary_identity::KeyPair::generate());
    let request =
        v1::RegisterExecutorRequest { executor_type: "t".into(), name: "new-bee".into(), ..Default::default() };
    stranger.register_executor(request).await.unwrap();
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let reason = first(&reader, id, "NO_EXECUTOR").await;
    assert!(reason.text.contains("`new-bee` waits for approval"), "{}", reason.text);
}

async fn an_executor_that_was_removed_is_named_and_how_it_comes_back(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    colony.executor("never-heard", "t").await;
    idle(&colony, "bee", "t").await;
    idle(&colony, "other-bee", "other").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for name in ["bee", "never-heard", "other-bee"] {
        let revocation = Revocation {
            colony: colony.key.id(),
            revocation_id: Uuid::new_v4(),
            grant_id: None,
            key: Some(colony.key_of(name).id()),
            from: SystemClock.now(),
            reason: None,
        };
        colony.client(&colony.key).revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    }
    let reason = first(&reader, id, "NO_EXECUTOR").await;
    assert_eq!(reason.subjects, ["bee", "never-heard"]);
    for words in ["`bee`, `never-heard` were removed", "`apiary grant add`", "start another"] {
        assert!(reason.text.contains(words), "{}", reason.text);
    }
}

async fn the_executors_of_its_type_never_came(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    colony.executor("bee", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let reason = first(&reader, id, "NO_LIVE_EXECUTOR").await;
    assert_eq!(reason.subjects, ["bee"]);
    assert!(reason.text.contains("has been seen yet"), "{}", reason.text);
}

async fn it_is_for_an_executor_that_nobody_is(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    idle(&colony, "bee", "t").await;
    let mut spec = user.spec("t", "f");
    spec.executor_names = vec!["ghost".into()];
    user.submit(&spec).await.unwrap();
    let reason = first(&reader, spec.process_id, "NAMED_EXECUTOR_UNKNOWN").await;
    assert_eq!(reason.subjects, ["ghost"]);
}

async fn no_grant_covers_its_function(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.grant("bee", Role::Executor, &["g"], &["t"], &[]).await;
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    let reason = first(&reader, id, "FUNCTION_NOT_GRANTED").await;
    assert!(reason.text.contains("`f`") && reason.subjects == ["bee"], "{reason:?}");
}

async fn nobody_has_what_it_requires_and_how_far_off_they_are(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let offer = v1::Offer { cpu: "500m".into(), memory: "1Gi".into(), ..Default::default() };
    let claiming = v1::ClaimRequest { executor_type: "t".into(), offer: Some(offer), ..Default::default() };
    assert!(bee.claim(claiming.clone()).await.unwrap().leases.is_empty());
    let mut spec = user.spec("t", "f");
    spec.requires = Requirements { cpu: Some("4".parse().unwrap()), ..Requirements::default() };
    user.submit(&spec).await.unwrap();
    assert!(bee.claim(claiming).await.unwrap().leases.is_empty());
    let reason = first(&reader, spec.process_id, "REQUIREMENTS_UNMET").await;
    assert_eq!(reason.subjects, ["bee"]);
    assert!(reason.text.contains("4000m") && reason.text.contains("500m"), "{}", reason.text);
}

async fn a_wait_that_stands_still_has_no_end(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let owner = colony.client(&colony.key);
    let mut spec = user.spec("t", "f");
    spec.max_wait_ms = 3_600_000;
    user.submit(&spec).await.unwrap();
    let counted = reason(&reader, spec.process_id, "MAX_WAIT").await;
    assert!(counted.time_ms > 0 && counted.text.contains("it fails in"), "{counted:?}");
    owner.pause(v1::PauseRequest { kind: "colony".into(), ..Default::default() }).await.unwrap();
    let stands = reason(&reader, spec.process_id, "MAX_WAIT").await;
    assert!(stands.time_ms == 0 && stands.text.contains("stands still"), "{stands:?}");
    assert!(!stands.text.contains("it fails"), "{stands:?}");
    owner.resume(v1::ResumeRequest { kind: "colony".into(), ..Default::default() }).await.unwrap();
    let later = reason(&reader, spec.process_id, "MAX_WAIT").await;
    assert!(later.time_ms > counted.time_ms, "{later:?}");
}

async fn what_is_paused_by_whom_and_since_when(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    idle(&colony, "bee", "t").await;
    let owner = colony.client(&colony.key);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for (kind, name) in [("colony", ""), ("executor_type", "t"), ("function", "f"), ("function", "other")] {
        let request = v1::PauseRequest { kind: kind.into(), name: name.into(), reason: "the bank is away".into() };
        owner.pause(request).await.unwrap();
    }
    let answer = explained(&reader, id).await;
    let paused: Vec<_> = answer.reasons.iter().filter(|reason| reason.kind == "PAUSED").collect();
    assert_eq!(paused.len(), 3, "the other function is not this one's: {paused:?}");
    for reason in paused {
        assert!(reason.text.contains("by colony since 20") && reason.text.contains("the bank is away"), "{reason:?}");
        assert!(reason.time_ms > 0);
    }
}

async fn all_that_could_take_it_are_drained(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    idle(&colony, "bee", "t").await;
    colony.client(&colony.key).drain_executor("bee", true).await.unwrap();
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_eq!(first(&reader, id, "DRAINING").await.subjects, ["bee"]);
}

async fn all_that_could_take_it_are_at_work(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    user.submit_json("t", "f", &()).await.unwrap();
    colony.claim_one(&bee, "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_eq!(first(&reader, id, "EXECUTORS_BUSY").await.subjects, ["bee"]);
    // With a free slot it is not busy, although it has work in progress.
    let request =
        v1::RegisterExecutorRequest { executor_type: "t".into(), name: "bee".into(), slots: 2, ..Default::default() };
    bee.register_executor(request).await.unwrap();
    first(&reader, id, "QUEUED").await;
}

async fn a_concurrency_key_is_used_up_and_by_whom(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let limit = v1::Limit {
        kind: "concurrency_key".into(),
        pattern: "customer:*".into(),
        running_max: 2,
        ..Default::default()
    };
    colony.client(&colony.key).set_limit(limit).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut spec = user.spec("t", "f");
        spec.concurrency_key = Some("customer:7".into());
        user.submit(&spec).await.unwrap();
        ids.push(spec.process_id);
    }
    assert_eq!(claim(&bee, "t", 3, Duration::ZERO).await.len(), 2);
    let reason = reason(&reader, ids[2], "CONCURRENCY_LIMIT").await;
    assert_eq!((reason.used, reason.limit), (2, 2));
    assert_eq!(reason.subjects, ["customer:7"]);
    let mut held: Vec<Uuid> = reason.process_ids.iter().map(|id| id.parse().unwrap()).collect();
    held.sort_unstable();
    let mut expected = ids[..2].to_vec();
    expected.sort_unstable();
    assert_eq!(held, expected);
}

async fn a_rate_is_used_up_and_until_when(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let limit = v1::Limit {
        kind: "rate_key".into(),
        pattern: "api".into(),
        rate_count: 1,
        interval_ms: 3_600_000,
        ..Default::default()
    };
    colony.client(&colony.key).set_limit(limit).await.unwrap();
    let mut last = None;
    for _ in 0..2 {
        let mut spec = user.spec("t", "f");
        spec.rate_key = Some("api".into());
        user.submit(&spec).await.unwrap();
        last = Some(spec.process_id);
    }
    assert_eq!(claim(&bee, "t", 2, Duration::ZERO).await.len(), 1);
    let reason = reason(&reader, last.unwrap(), "RATE_LIMIT").await;
    let in_ms = reason.time_ms - SystemClock.now_ms();
    assert!((3_000_000..=3_600_000).contains(&in_ms), "{in_ms}: {}", reason.text);
}

async fn its_time_has_not_come(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    idle(&colony, "bee", "t").await;
    let mut spec = user.spec("t", "f");
    spec.not_before = Some(SystemClock.now() + SignedDuration::from_hours(1));
    user.submit(&spec).await.unwrap();
    let reason = first(&reader, spec.process_id, "NOT_BEFORE").await;
    assert_eq!(reason.time_ms, spec.not_before.unwrap().as_millisecond());
    assert_eq!(explained(&reader, spec.process_id).await.reasons.len(), 1, "nothing holds it then");
}

async fn its_parents_have_not_succeeded(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = idle(&colony, "bee", "t").await;
    let mut parents = [(); 2].map(|()| user.spec("t", "f"));
    // Processes of the same millisecond have no defined order.
    parents.sort_by_key(|parent| parent.process_id);
    for parent in &parents {
        user.submit(parent).await.unwrap();
    }
    let mut spec = user.spec("t", "f");
    spec.parents = parents.iter().map(|parent| parent.process_id).collect();
    let id = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let said = first(&reader, id, "WAITS_FOR_PARENTS").await;
    let [one, other] = parents.map(|parent| parent.process_id.to_string());
    assert_eq!(
        (&said.process_ids, said.subjects),
        (&vec![one.clone(), other.clone()], vec!["running".into(), "waiting".into()])
    );
    assert!(said.text.contains(&format!("2 parents to succeed: {one} (running), {other} (waiting)")), "{}", said.text);
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such account")).await.unwrap();
    let said = first(&reader, id, "WAITS_FOR_PARENTS").await;
    assert!(
        said.text.contains(&format!("{one} (dead_letter)")) && said.text.contains("redrive what failed"),
        "{}",
        said.text
    );

    let mut early = user.spec("t", "f");
    (early.parents, early.not_before) = (spec.parents.clone(), Some(early.submit_by));
    let id = user.submit(&early).await.unwrap().process_id;
    first(&reader, id, "WAITS_FOR_PARENTS").await;
    assert_eq!(reason(&reader, id, "NOT_BEFORE").await.time_ms, early.submit_by.as_millisecond());
}

async fn it_backs_off_after_a_failure(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let mut spec = user.spec("t", "f");
    spec.backoff.first_ms = 3_600_000;
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "the bank is away")).await.unwrap();
    let reason = first(&reader, spec.process_id, "BACKING_OFF").await;
    assert!(reason.text.contains("attempt 1") && reason.text.contains("the bank is away"), "{}", reason.text);
}

async fn its_executor_gave_it_back_for_a_while(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.release_for(id, lease.attempt, Duration::from_secs(3600)).await.unwrap();
    first(&reader, id, "SNOOZED").await;
}

async fn somebody_runs_it(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let before = first(&reader, id, "LEASED").await;
    assert!(before.text.contains("was renewed"), "{}", before.text);
    assert_eq!((before.subjects[0].as_str(), before.time_ms), ("bee", lease.expires_at_ms));
    let renewed = bee.renew(id, lease.attempt, Duration::from_secs(600)).await.unwrap();
    let after = first(&reader, id, "LEASED").await;
    assert_eq!(after.time_ms, renewed.expires_at_ms);
    assert!(after.text.contains("attempt 1") && after.text.contains("was renewed"), "{}", after.text);
}

async fn it_is_being_cancelled(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    colony.claim_one(&bee, "t").await;
    colony.client(&colony.key).cancel(id, "superseded", Some(Duration::from_secs(60))).await.unwrap();
    let reason = first(&reader, id, "CANCELLING").await;
    assert!(reason.text.starts_with("colony cancels it"), "{}", reason.text);
}

async fn it_is_a_dead_letter_because_of_its_last_failure(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let mut spec = user.spec("t", "f");
    spec.max_retries = 0;
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "no such customer")).await.unwrap();
    let reason = first(&reader, spec.process_id, "DEAD_LETTER").await;
    assert!(reason.text.contains("after 1 attempt: no such customer"), "{}", reason.text);
}

async fn how_it_ended(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.executor("bee", "t").await;
    let done = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    first(&reader, done, "SUCCEEDED").await;
    let cancelled = user.submit_json("t", "f", &()).await.unwrap().process_id;
    colony.client(&colony.key).cancel(cancelled, "superseded", None).await.unwrap();
    let reason = first(&reader, cancelled, "CANCELLED").await;
    assert!(reason.text.contains("by colony: superseded"), "{}", reason.text);
    let failed = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such customer")).await.unwrap();
    assert!(first(&reader, failed, "DEAD_LETTER").await.text.contains("no such customer"));
    colony.operator("ops").await.discard(failed, "no use").await.unwrap();
    assert!(first(&reader, failed, "FAILED").await.text.contains("was given up by ops: no use"));
}

async fn its_place_in_the_queue_and_how_long_that_takes(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = idle(&colony, "bee", "t").await;
    let done = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let attempt = reader.get_process(done).await.unwrap().attempts.remove(0);
    let run_ms = attempt.ended_at_ms - attempt.claimed_at_ms;
    user.submit_json("t", "f", &()).await.unwrap();
    colony.claim_one(&bee, "t").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut spec = user.spec("t", "f");
        spec.max_wait_ms = 3_600_000;
        user.submit(&spec).await.unwrap();
        ids.push(spec.process_id);
    }
    for (place, id) in (1..).zip(&ids) {
        let answer = explained(&reader, *id).await;
        assert_eq!(answer.queue_position, place);
        // The only executor runs one process, which has taken as long as the only finished one.
        assert_eq!(answer.estimated_wait_ms, place * run_ms);
        let kinds: Vec<_> = answer.reasons.iter().map(|reason| reason.kind.as_str()).collect();
        assert_eq!(kinds, ["EXECUTORS_BUSY", "QUEUED", "MAX_WAIT"]);
    }
    // With two more slots, two of them could start at once.
    let request =
        v1::RegisterExecutorRequest { executor_type: "t".into(), name: "bee".into(), slots: 3, ..Default::default() };
    bee.register_executor(request).await.unwrap();
    let waits = futures::future::join_all(ids.iter().map(|id| explained(&reader, *id))).await;
    let waits: Vec<_> =
        waits.iter().map(|answer| (answer.reasons[0].kind.as_str(), answer.estimated_wait_ms)).collect();
    assert_eq!(waits, [("QUEUED", 0), ("QUEUED", 0), ("QUEUED", run_ms / 3)]);
    // A process held by another reason has no estimate.
    colony.client(&colony.key).pause(v1::PauseRequest { kind: "colony".into(), ..Default::default() }).await.unwrap();
    assert_eq!(explained(&reader, ids[0]).await.estimated_wait_ms, -1);
}

async fn only_readers_ask_and_only_in_their_colony(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_eq!(user.explain(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    assert_eq!(reader.explain(Uuid::now_v7()).await.unwrap_err().reason(), Some("NOT_FOUND"));
}
