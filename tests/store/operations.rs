//! Operators' actions: cancel, redrive, discard, retry, delete. Each item has an answer, and exactly one of several
//! concurrent calls succeeds.

use apiary_store::model::{
    AttemptEnding, Cancel, Discard, Effect, LeaseEnd, LeaseRef, NewProcess, ProcessState, Release, SubmitResult,
};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{Bee, DONE, LEASE_MS, LOST, NOW, Tenant, cancellation, completion, ends, failure, lost, renewal};

on_each_store!(
    cancelling_answers_for_each_and_only_for_its_own_colony,
    a_lease_that_is_being_cancelled_ends_at_the_deadline_whatever_is_renewed,
    of_two_cancellations_the_first_words_and_the_earlier_deadline_hold,
    however_a_lease_ends_its_process_is_cancelled,
    an_executor_cannot_cancel_by_itself,
    a_cancel_and_a_claim_never_lose_the_process,
    a_cancel_and_a_completion_agree_who_was_first,
    a_redriven_process_has_all_its_retries_and_its_attempts,
    a_dead_letter_is_given_up_once,
    a_replaced_process_says_so_also_when_it_had_failed,
    what_another_is_to_replace_is_kept_for_it_until_that_never_comes,
    a_blocked_process_can_be_tried_now,
    a_snoozing_process_comes_back_and_no_retry_is_spent,
    a_deleted_process_leaves_nothing_but_that_its_spec_was_here,
    a_deleted_spec_is_forgotten_when_it_cannot_be_submitted_any_more,
    only_the_last_hundred_attempts_are_shown,
);

async fn cancelling_answers_for_each_and_only_for_its_own_colony(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let bee = tenant.bee("bee").await;
    let running = tenant.submit(tenant.process()).await;
    tenant.claim_one(&bee, NOW).await;
    let waiting = tenant.submit(tenant.process()).await;
    let blocked = tenant.submit(blocked(&tenant)).await;
    let (theirs, unknown) = (other.submit(other.process()).await, Uuid::now_v7());
    let ids = [theirs, waiting, unknown, running, blocked];
    let cancel = cancellation(NOW + 5000);
    let effects = store.cancel(tenant.colony.key, &ids, &cancel, NOW + 1, None).await.unwrap();
    use Effect::{Changed, Unknown, WrongState};
    assert_eq!(effects, [Unknown, Changed, Unknown, Changed, Changed]);
    assert_eq!(other.state(theirs).await, ProcessState::Waiting);
    for id in [waiting, blocked] {
        let shown = tenant.summary(id).await;
        assert_eq!((shown.state, shown.since_ms, shown.cancel_deadline_ms), (ProcessState::Cancelled, NOW + 1, None));
        assert_eq!((shown.reason.as_deref(), shown.ended_by.as_deref()), (Some("the customer left"), Some("grace")));
    }
    let shown = tenant.summary(running).await;
    assert_eq!((shown.state, shown.cancel_deadline_ms), (ProcessState::Running, Some(NOW + 5000)));
    assert_eq!((shown.reason.as_deref(), shown.ended_by.as_deref()), (Some("the customer left"), Some("grace")));
    let again = store.cancel(tenant.colony.key, &[waiting, running], &cancel, NOW + 2, None).await.unwrap();
    assert_eq!(again, [WrongState(ProcessState::Cancelled), Changed]);
    assert_eq!(store.cancel(tenant.colony.key, &[], &cancel, NOW, None).await.unwrap(), []);
}

async fn a_lease_that_is_being_cancelled_ends_at_the_deadline_whatever_is_renewed(backend: Backend) {
    let (tenant, bee, lease) = running(&backend).await;
    assert_eq!(cancel(&tenant, lease, &cancellation(NOW + 5000)).await, Effect::Changed);
    let renewed = tenant.store.renew(&[renewal(lease, NOW + LEASE_MS)], NOW + 100).await.unwrap();
    let mark = renewed[0].as_ref().unwrap().cancel.clone().unwrap();
    assert_eq!((mark.deadline_ms, mark.reason.as_str(), mark.by.as_str()), (NOW + 5000, "the customer left", "grace"));
    assert_eq!(ends(renewed), [Some(NOW + 5000)]);
    assert!(tenant.store.overdue_leases(NOW + 4999, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 5000));
    let overdue = tenant.store.overdue_leases(NOW + 5000, 10).await.unwrap();
    assert_eq!(overdue[0].cancel.as_ref(), Some(&mark));
    assert_eq!(tenant.store.renew(&[renewal(lease, NOW + LEASE_MS)], NOW + 5000).await.unwrap(), [None]);
    let mut stopped = lost(lease, NOW + 5000);
    (stopped.ending, stopped.next) = (AttemptEnding::Cancelled, ProcessState::Cancelled);
    assert_eq!(tenant.store.fail(&[stopped], NOW + 5000).await.unwrap(), [LeaseEnd::Cancelled]);
    assert_cancelled(&tenant, lease.process_id, "cancelled").await;
    assert!(tenant.claim_at(&bee, 1, NOW + 6000).await.is_empty());
}

async fn of_two_cancellations_the_first_words_and_the_earlier_deadline_hold(backend: Backend) {
    let (tenant, _, lease) = running(&backend).await;
    for (deadline_ms, expected_ms) in [(9000, 9000), (5000, 5000), (7000, 5000)] {
        let reason = format!("because of {deadline_ms}");
        let order = Cancel { deadline_ms: NOW + deadline_ms, reason, by: format!("user-{deadline_ms}") };
        assert_eq!(cancel(&tenant, lease, &order).await, Effect::Changed);
        let shown = tenant.summary(lease.process_id).await;
        assert_eq!((shown.cancel_deadline_ms, shown.until_ms), (Some(NOW + expected_ms), Some(NOW + expected_ms)));
        assert_eq!((shown.reason.as_deref(), shown.ended_by.as_deref()), (Some("because of 9000"), Some("user-9000")));
    }
}

async fn however_a_lease_ends_its_process_is_cancelled(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for way in ["complete", "retry", "block", "final", "release", "snooze", "lost"] {
        tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, NOW).await;
        cancel(&tenant, lease, &cancellation(NOW + LEASE_MS)).await;
        let mut failed = failure(lease);
        (failed.next, failed.blocked_until_ms) = match way {
            "block" => (ProcessState::Blocked, Some(NOW + 1)),
            "final" => (ProcessState::Failed, None),
            _ => (ProcessState::Waiting, None),
        };
        let snooze = Release {
            lease,
            ending: AttemptEnding::Snoozed,
            until_ms: Some(NOW + 1),
            reason: None,
            surroundings: None,
        };
        let (ended, ending) = match way {
            "complete" => (tenant.store.complete(&[completion(lease, "{}")], NOW).await, "cancelled"),
            "release" => (tenant.store.release(&[Release::at_once(lease)], NOW).await, "released"),
            "snooze" => (tenant.store.release(&[snooze], NOW).await, "snoozed"),
            "lost" => (tenant.store.fail(&[lost(lease, NOW + LEASE_MS)], NOW + LEASE_MS).await, "lease_lost"),
            _ => (tenant.store.fail(&[failed], NOW).await, "failed"),
        };
        assert_eq!(ended.unwrap(), [LeaseEnd::Cancelled], "{way}");
        assert_cancelled(&tenant, lease.process_id, ending).await;
        let attempt = tenant.store.attempt(lease.process_id, 1).await.unwrap().unwrap();
        assert!(attempt.result.is_none() || ending == "failed", "{way}: a refused result is not kept");
        assert!(tenant.claim_at(&bee, 1, NOW + LEASE_MS).await.is_empty(), "{way}");
    }
}

async fn an_executor_cannot_cancel_by_itself(backend: Backend) {
    let (tenant, _, lease) = running(&backend).await;
    let mut stopped = failure(lease);
    (stopped.ending, stopped.next) = (AttemptEnding::Cancelled, ProcessState::Cancelled);
    assert_eq!(tenant.store.fail(&[stopped.clone()], NOW).await.unwrap(), [LOST]);
    assert_eq!(tenant.state(lease.process_id).await, ProcessState::Running);
    cancel(&tenant, lease, &cancellation(NOW + 5000)).await;
    assert_eq!(tenant.store.fail(&[stopped], NOW).await.unwrap(), [LeaseEnd::Cancelled]);
}

/// The process is either cancelled before it runs, or runs with the mark: never both, never neither.
async fn a_cancel_and_a_claim_never_lose_the_process(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let order = cancellation(NOW + 5000);
    for round in 0..40 {
        let process_id = tenant.submit(tenant.process()).await;
        let ids = [process_id];
        let (claimed, effects) = tokio::join!(
            tenant.claim_at(&bee, 1, NOW),
            tenant.store.cancel(tenant.colony.key, &ids, &order, NOW, None)
        );
        assert_eq!(effects.unwrap(), [Effect::Changed], "round {round}");
        let leases = tenant.store.leases(&[process_id]).await.unwrap();
        assert_eq!(leases.len(), claimed.len(), "round {round}");
        match claimed.first() {
            None => assert_eq!(tenant.state(process_id).await, ProcessState::Cancelled),
            Some(claimed) => {
                assert!(leases[0].cancel.is_some(), "round {round}: it runs, and nobody will be told");
                let done = tenant.store.complete(&[completion(bee.lease(claimed), "{}")], NOW).await.unwrap();
                assert_eq!(done, [LeaseEnd::Cancelled]);
            }
        }
    }
}

async fn a_cancel_and_a_completion_agree_who_was_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let order = cancellation(NOW + 5000);
    for round in 0..40 {
        tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, NOW).await;
        let (ids, completions) = ([lease.process_id], [completion(lease, "{}")]);
        let (ended, effects) = tokio::join!(
            tenant.store.complete(&completions, NOW),
            tenant.store.cancel(tenant.colony.key, &ids, &order, NOW, None)
        );
        let state = tenant.state(lease.process_id).await;
        let ended = ended.unwrap()[0];
        assert_ne!(ended, LOST, "round {round}: the lease was held");
        let (expected, effect) = match ended {
            LeaseEnd::Done => (ProcessState::Succeeded, Effect::WrongState(ProcessState::Succeeded)),
            _ => (ProcessState::Cancelled, Effect::Changed),
        };
        assert_eq!((state, effects.unwrap()), (expected, vec![effect]), "round {round}");
        assert_eq!(tenant.store.attempts(lease.process_id).await.unwrap().len(), 1);
    }
}

async fn a_redriven_process_has_all_its_retries_and_its_attempts(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for state in [ProcessState::DeadLetter, ProcessState::Failed] {
        let mut process = tenant.process();
        process.max_wait_ms = 1000;
        let process_id = tenant.submit(process).await;
        finish(&tenant, &bee, state).await;
        assert_eq!(
            tenant.store.redrive(tenant.colony.key, &[process_id], NOW + 50, None).await.unwrap(),
            [Effect::Changed]
        );
        let shown = tenant.summary(process_id).await;
        let expected = (ProcessState::Waiting, 1, 0, NOW + 50);
        assert_eq!((shown.state, shown.attempt, shown.retries_spent, shown.since_ms), expected);
        assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 1050), "its `max_wait` starts anew");
        let again = tenant.store.redrive(tenant.colony.key, &[process_id], NOW, None).await.unwrap();
        assert_eq!(again, [Effect::WrongState(ProcessState::Waiting)]);
        let lease = tenant.claim_one(&bee, NOW + 60).await;
        assert_eq!(lease.attempt, 2);
        assert_eq!(tenant.store.attempts(process_id).await.unwrap().len(), 2);
        assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW + 70).await.unwrap(), [DONE]);
        let finished = tenant.store.redrive(tenant.colony.key, &[process_id], NOW, None).await.unwrap();
        assert_eq!(finished, [Effect::WrongState(ProcessState::Succeeded)]);
    }
}

async fn a_dead_letter_is_given_up_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    finish(&tenant, &bee, ProcessState::DeadLetter).await;
    let waiting = tenant.submit(tenant.process()).await;
    let order = Discard { reason: "a\0typo".to_owned(), by: "grace".to_owned(), is_replaced: false };
    let ids = [process_id, waiting];
    let effects = tenant.store.discard(tenant.colony.key, &ids, &order, NOW + 9, None).await.unwrap();
    assert_eq!(effects, [Effect::Changed, Effect::WrongState(ProcessState::Waiting)]);
    let shown = tenant.summary(process_id).await;
    assert_eq!((shown.state, shown.since_ms), (ProcessState::Failed, NOW + 9));
    assert_eq!((shown.reason.as_deref(), shown.ended_by.as_deref()), (Some("a\u{fffd}typo"), Some("grace")));
    let again = tenant.store.discard(tenant.colony.key, &ids[..1], &order, NOW, None).await.unwrap();
    assert_eq!(again, [Effect::WrongState(ProcessState::Failed)]);
}

async fn a_replaced_process_says_so_also_when_it_had_failed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let order = Discard { reason: "redriven as another".to_owned(), by: "grace".to_owned(), is_replaced: true };
    for state in [ProcessState::DeadLetter, ProcessState::Failed, ProcessState::Succeeded] {
        let process_id = tenant.submit(tenant.process()).await;
        finish(&tenant, &bee, state).await;
        let fits = state != ProcessState::Succeeded;
        for _ in 0..2 {
            let effects = tenant.store.discard(tenant.colony.key, &[process_id], &order, NOW, None).await.unwrap();
            assert_eq!(effects, [if fits { Effect::Changed } else { Effect::WrongState(state) }]);
        }
        let shown = tenant.summary(process_id).await;
        assert_eq!(shown.state, if fits { ProcessState::Failed } else { state });
        assert_eq!(shown.reason.as_deref() == Some("redriven as another"), fits);
    }
}

async fn what_another_is_to_replace_is_kept_for_it_until_that_never_comes(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, colony) = (tenant.bee("bee").await, tenant.colony.key);
    let process_id = tenant.submit(tenant.process()).await;
    assert_eq!(
        tenant.store.replace(colony, process_id, Uuid::now_v7(), NOW).await.unwrap(),
        Effect::WrongState(ProcessState::Waiting)
    );
    finish(&tenant, &bee, ProcessState::DeadLetter).await;
    let (one, other) = (tenant.process(), Uuid::now_v7());
    let replace = async |by| tenant.store.replace(colony, process_id, by, NOW).await.unwrap();
    let one_id = one.process_id;
    assert_eq!(
        (replace(one_id).await, replace(one_id).await, replace(other).await),
        (Effect::Changed, Effect::Changed, Effect::Replaced)
    );
    assert_eq!(tenant.store.redrive(colony, &[process_id], NOW, None).await.unwrap(), [Effect::Replaced]);
    // The replacement is not submitted: after its deadline another may be named.
    tenant.store.cancel_replacement(colony, process_id, NOW - 1).await.unwrap();
    assert_eq!(replace(other).await, Effect::Replaced);
    tenant.store.cancel_replacement(colony, process_id, NOW).await.unwrap();
    assert_eq!(replace(one_id).await, Effect::Changed);
    // The replacement was submitted: no other is accepted, even after its deletion.
    tenant.submit(one).await;
    tenant.store.cancel_replacement(colony, process_id, i64::MAX).await.unwrap();
    assert_eq!(tenant.store.redrive(colony, &[process_id], NOW, None).await.unwrap(), [Effect::Replaced]);
    let order = Discard { reason: "redriven".to_owned(), by: "grace".to_owned(), is_replaced: true };
    assert_eq!(tenant.store.discard(colony, &[process_id], &order, NOW, None).await.unwrap(), [Effect::Changed]);
    assert_eq!(tenant.store.delete(colony, &[one_id], None).await.unwrap(), [Effect::Changed]);
    tenant.store.cancel_replacement(colony, process_id, i64::MAX).await.unwrap();
    assert_eq!(replace(other).await, Effect::Replaced);
    assert_eq!(tenant.store.replace(colony, Uuid::now_v7(), other, NOW).await.unwrap(), Effect::Unknown);
}

async fn a_blocked_process_can_be_tried_now(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(blocked(&tenant)).await;
    assert!(tenant.claim_at(&bee, 1, NOW).await.is_empty());
    assert_eq!(tenant.store.retry(tenant.colony.key, &[process_id], NOW + 7, None).await.unwrap(), [Effect::Changed]);
    let again = tenant.store.retry(tenant.colony.key, &[process_id], NOW + 7, None).await.unwrap();
    assert_eq!(again, [Effect::WrongState(ProcessState::Waiting)]);
    assert!(tenant.store.unblock(NOW + 1_000_000, 10).await.unwrap().is_empty());
    assert_eq!(tenant.claim_one(&bee, NOW + 7).await.process_id, process_id);
}

async fn a_snoozing_process_comes_back_and_no_retry_is_spent(backend: Backend) {
    let (tenant, bee, lease) = running(&backend).await;
    let snooze =
        Release { lease, ending: AttemptEnding::Snoozed, until_ms: Some(NOW + 500), reason: None, surroundings: None };
    assert_eq!(tenant.store.release(&[snooze], NOW + 1).await.unwrap(), [DONE]);
    let shown = tenant.summary(lease.process_id).await;
    assert_eq!((shown.state, shown.until_ms, shown.retries_spent), (ProcessState::Blocked, Some(NOW + 500), 0));
    assert_eq!(shown.blocked_cause.as_deref(), Some("snooze"));
    assert_eq!(tenant.store.attempts(lease.process_id).await.unwrap()[0].ending, "snoozed");
    assert_eq!(tenant.store.unblock(NOW + 500, 10).await.unwrap(), [(lease.process_id, tenant.lane())]);
    assert_eq!(tenant.claim_one(&bee, NOW + 500).await.attempt, 2);
}

async fn a_deleted_process_leaves_nothing_but_that_its_spec_was_here(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.idempotency = Some(("key".to_owned(), NOW + 1_000_000));
    let process_id = tenant.submit(process.clone()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let ids = [process_id];
    let running = tenant.store.delete(tenant.colony.key, &ids, None).await.unwrap();
    assert_eq!(running, [Effect::WrongState(ProcessState::Running)]);
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    assert_eq!(tenant.store.delete(tenant.colony.key, &ids, None).await.unwrap(), [Effect::Changed]);
    assert_eq!(tenant.store.delete(tenant.colony.key, &ids, None).await.unwrap(), [Effect::Unknown]);
    assert!(tenant.store.get_process(tenant.colony.key, process_id).await.unwrap().is_none());
    assert!(tenant.store.attempts(process_id).await.unwrap().is_empty());
    // Fails if any row is left.
    let tables = ["specs", "attempts", "finished", "queue", "blocked", "leases", "idempotency_keys"];
    let count = tables.map(|table| format!("(SELECT count(*) FROM {table})")).join(" + ");
    backend
        .execute(&format!(
            "CREATE TABLE left_over (rows integer CHECK (rows = 0)); INSERT INTO left_over SELECT {count}"
        ))
        .await;
    // Submitting the same bytes again does not run them again.
    let again = tenant.store.submit(std::slice::from_ref(&process), NOW).await.unwrap();
    assert_eq!(again, [SubmitResult::Existed { process_id, state: ProcessState::Succeeded }]);
    let mut other = process.clone();
    other.digest.0[0] ^= 1;
    assert_eq!(tenant.store.submit(&[other], NOW).await.unwrap(), [SubmitResult::IdTaken]);
    assert!(tenant.claim_at(&bee, 1, NOW).await.is_empty());
    // Its key is free.
    let next = NewProcess { idempotency: process.idempotency, ..tenant.process() };
    tenant.submit(next).await;
    for process in [tenant.process(), blocked(&tenant)] {
        let id = tenant.submit(process).await;
        assert_eq!(tenant.store.delete(tenant.colony.key, &[id], None).await.unwrap(), [Effect::Changed]);
    }
}

async fn a_deleted_spec_is_forgotten_when_it_cannot_be_submitted_any_more(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut process = tenant.process();
    process.submit_by_ms = NOW + 1000;
    let process_id = tenant.submit(process.clone()).await;
    tenant.store.delete(tenant.colony.key, &[process_id], None).await.unwrap();
    assert_eq!(tenant.store.forget_deleted(NOW + 999, 10).await.unwrap(), 0);
    assert_eq!(tenant.store.forget_deleted(NOW + 1000, 10).await.unwrap(), 1);
    let answer = tenant.store.submit(&[process], NOW).await.unwrap();
    assert_eq!(answer, [SubmitResult::New { state: ProcessState::Waiting }]);
}

async fn only_the_last_hundred_attempts_are_shown(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    for _ in 0..102 {
        let lease = tenant.claim_one(&bee, NOW).await;
        tenant.store.release(&[Release::at_once(lease)], NOW).await.unwrap();
    }
    tenant.claim_one(&bee, NOW).await;
    let attempts = tenant.store.attempts(process_id).await.unwrap();
    let numbers: Vec<i32> = attempts.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(numbers, (4..=103).collect::<Vec<_>>());
    assert_eq!(attempts.last().unwrap().ending, "running");
    assert_eq!(tenant.store.attempt(process_id, 2).await.unwrap().unwrap().ending, "released");
    assert_eq!(tenant.store.attempt(process_id, 103).await.unwrap().unwrap().ending, "running");
    assert!(tenant.store.attempt(process_id, 104).await.unwrap().is_none());
}

/// Creates a running process, its executor, and its lease.
async fn running(backend: &Backend) -> (Tenant, Bee, LeaseRef) {
    let tenant = Tenant::on(backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    (tenant, bee, lease)
}

/// Claims the only waiting process, and finishes it in this state.
async fn finish(tenant: &Tenant, bee: &Bee, state: ProcessState) {
    let lease = tenant.claim_one(bee, NOW).await;
    if state == ProcessState::Succeeded {
        assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap(), [DONE]);
        return;
    }
    let mut failed = failure(lease);
    (failed.next, failed.retries_spent) = (state, 3);
    assert_eq!(tenant.store.fail(&[failed], NOW).await.unwrap(), [DONE]);
}

fn blocked(tenant: &Tenant) -> NewProcess {
    NewProcess { not_before_ms: Some(NOW + 100_000), ..tenant.process() }
}

async fn cancel(tenant: &Tenant, lease: LeaseRef, cancel: &Cancel) -> Effect {
    let effects = tenant.store.cancel(tenant.colony.key, &[lease.process_id], cancel, NOW, None).await.unwrap();
    effects[0]
}

async fn assert_cancelled(tenant: &Tenant, process_id: Uuid, ending: &str) {
    let shown = tenant.summary(process_id).await;
    assert_eq!(shown.state, ProcessState::Cancelled, "{ending}");
    assert_eq!((shown.reason.as_deref(), shown.ended_by.as_deref()), (Some("the customer left"), Some("grace")));
    assert_eq!(tenant.store.attempts(process_id).await.unwrap()[0].ending, ending);
}
