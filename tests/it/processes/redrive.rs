//! `Redrive`: dead letters and failed processes wait again, or a newly signed spec replaces them.

use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Content, Envelope, OutcomeKind};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, spoil};
use uuid::Uuid;

on_each_store!(
    a_redriven_process_has_all_its_retries_and_its_history,
    what_is_not_dead_or_failed_is_refused,
    a_new_spec_takes_the_place_of_the_old_and_a_repeat_changes_nothing,
    a_repeat_after_half_of_it_does_the_rest,
    of_many_who_replace_or_redrive_it_one_does,
    a_new_spec_stands_on_its_own_signature,
    only_operators_redrive
);

/// Creates a process of this executor type that is a dead letter after one attempt.
pub(super) async fn dead_letter(colony: &TestColony, user: &Client, bee: &Client, executor_type: &str) -> Uuid {
    let id = user.submit_json(executor_type, "f", &1).await.unwrap().process_id;
    let lease = colony.claim_one(bee, executor_type).await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "not believed")).await.unwrap();
    id
}

async fn a_redriven_process_has_all_its_retries_and_its_history(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    for kind in [OutcomeKind::FailedRetryable, OutcomeKind::FailedFinal] {
        let mut spec = user.spec("t", "f");
        (spec.max_retries, spec.backoff.first_ms) = (1, 1);
        let id = user.submit(&spec).await.unwrap().process_id;
        let attempts = if kind == OutcomeKind::FailedFinal { 1 } else { 2 };
        for _ in 0..attempts {
            let lease = colony.claim_one(&bee, "t").await;
            bee.fail(&colony.failure("bee", &lease, kind, "the bank is closed")).await.unwrap();
        }
        let process = ops.redrive(id).await.unwrap();
        assert_eq!((process.state(), process.retries_spent), (ProcessState::Waiting, 0));
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!(
            (lease.attempt, lease.retries_left),
            (attempts + 1, 1),
            "numbers go on, so that old ones stay fenced"
        );
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
        let kept = ops.get_process(id).await.unwrap();
        let words: Vec<_> = kept.attempts.iter().map(|one| (one.executor.as_str(), one.reason.as_str())).collect();
        assert_eq!(words[0], ("bee", "the bank is closed"));
        assert!(kept.attempts.iter().all(|one| one.claimed_at_ms > 0 && one.ended_at_ms >= one.claimed_at_ms));
        assert_eq!(kept.attempts.len(), usize::try_from(attempts).unwrap() + 1);
    }
}

async fn what_is_not_dead_or_failed_is_refused(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let spec = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    for state in ["waiting", "running", "succeeded"] {
        for refused in [ops.redrive(id).await, ops.redrive_as_envelope(id, &spec).await] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.reason(), Some("STATE_CONFLICT"));
            assert!(refused.to_string().contains(&format!("`{state}`")), "{refused}");
        }
        match state {
            "waiting" => drop(colony.claim_one(&bee, "t").await),
            "running" => {
                bee.release(id, 1).await.unwrap();
                let lease = colony.claim_one(&bee, "t").await;
                bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(ops.redrive(Uuid::now_v7()).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty(), "the new spec was not submitted");
}

async fn a_new_spec_takes_the_place_of_the_old_and_a_repeat_changes_nothing(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let other = colony.executor("other", "u").await;
    let id = dead_letter(&colony, &user, &bee, "t").await;
    let spec = user.spec("u", "f").with_args(Content::from_bytes(b"{\"a\" :  1}\n"));
    let envelope = Envelope::seal(&colony.key_of("ada"), &spec).unwrap();
    for _ in 0..2 {
        let process = ops.redrive_as_envelope(id, &envelope).await.unwrap();
        assert_eq!(
            (process.process_id.as_str(), process.state()),
            (&*spec.process_id.to_string(), ProcessState::Waiting)
        );
        let old = ops.get_process(id).await.unwrap().process.unwrap();
        assert_eq!((old.state(), old.ended_by.as_str()), (ProcessState::Failed, "ops"));
        assert_eq!(old.reason, format!("redriven as {}", spec.process_id));
    }
    let leases = claim(&other, "u", 10, Duration::from_secs(10)).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].spec.as_ref().unwrap().payload, envelope.payload);
}

async fn a_repeat_after_half_of_it_does_the_rest(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = dead_letter(&colony, &user, &bee, "t").await;
    let spec = user.spec("t", "f");
    let envelope = Envelope::seal(&colony.key_of("ada"), &spec).unwrap();
    // As after a crash before the last of the three commits.
    let blob = |id: Uuid| match colony.backend.kind() {
        "postgres" => format!("'{id}'"),
        _ => format!("x'{}'", id.simple()),
    };
    let (old, new) = (blob(id), blob(spec.process_id));
    let kept = format!("UPDATE finished SET replaced_by = {new}, replacing_since_ms = 1 WHERE process_id = {old}");
    colony.backend.execute(&kept).await;
    user.submit_envelope(&envelope).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let process = ops.redrive_as_envelope(id, &envelope).await.unwrap();
    assert_eq!(process.state(), ProcessState::Succeeded);
    assert_eq!(state_of(&ops, id).await, ProcessState::Failed);
}

async fn of_many_who_replace_or_redrive_it_one_does(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    for round in 0..5 {
        let id = dead_letter(&colony, &user, &bee, "t").await;
        let specs = [(); 4].map(|()| Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap());
        let (replaced, again) = tokio::join!(
            futures::future::join_all(specs.iter().map(|spec| ops.redrive_as_envelope(id, spec))),
            async { if round % 2 == 0 { Some(ops.redrive(id).await) } else { None } },
        );
        let answers: Vec<_> = replaced.into_iter().chain(again).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        for refused in answers.into_iter().filter_map(Result::err) {
            assert_eq!(refused.reason(), Some("STATE_CONFLICT"), "{refused}");
        }
        let leases = claim(&bee, "t", 10, Duration::from_secs(10)).await;
        assert_eq!(leases.len(), 1, "the work is done once");
        bee.complete(&colony.success("bee", &leases[0], b"1")).await.unwrap();
        if leases[0].process_id == id.to_string() {
            continue;
        }
        let refused = ops.redrive(id).await.unwrap_err();
        assert!(refused.to_string().contains("redriven as another"), "{refused}");
        let old = ops.get_process(id).await.unwrap().process.unwrap();
        assert_eq!(old.reason, format!("redriven as {}", leases[0].process_id));
    }
}

async fn a_new_spec_stands_on_its_own_signature(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = dead_letter(&colony, &user, &bee, "t").await;
    let spec = user.spec("t", "f");
    // The operator's own key may submit nothing, and an unsigned spec is never accepted.
    let unscoped = Envelope::seal(&colony.key_of("ops"), &spec).unwrap();
    assert_eq!(ops.redrive_as_envelope(id, &unscoped).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let mut forged = Envelope::seal(&colony.key_of("ada"), &spec).unwrap();
    spoil(&mut forged);
    assert_eq!(ops.redrive_as_envelope(id, &forged).await.unwrap_err().reason(), Some("SIGNATURE_INVALID"));
    let mut same = user.spec("t", "f");
    same.process_id = id;
    let same = Envelope::seal(&colony.key_of("ada"), &same).unwrap();
    assert_eq!(ops.redrive_as_envelope(id, &same).await.unwrap_err().reason(), Some("INVALID"));
    // A key of another process would return that one, and this spec would be lost.
    let mut keyed = user.spec("t", "f");
    keyed.idempotency_key = Some("k".to_owned());
    let first = user.submit(&keyed).await.unwrap().process_id;
    (keyed.process_id, keyed.priority) = (Uuid::now_v7(), 1);
    let keyed = Envelope::seal(&colony.key_of("ada"), &keyed).unwrap();
    let refused = ops.redrive_as_envelope(id, &keyed).await.unwrap_err();
    assert!(refused.reason() == Some("TAKEN") && refused.to_string().contains(&first.to_string()), "{refused}");
    assert_eq!(state_of(&ops, id).await, ProcessState::DeadLetter);
}

async fn only_operators_redrive(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = dead_letter(&colony, &user, &bee, "t").await;
    let spec = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap();
    for nobody in [&user, &reader, &bee] {
        assert_eq!(nobody.redrive(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
        assert_eq!(nobody.redrive_as_envelope(id, &spec).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert_eq!(state_of(&reader, id).await, ProcessState::DeadLetter);
}
