//! Specs with the idempotency key of a failed process: exactly one puts it back, each at most once, and only one of its
//! own submitter.

use std::sync::Arc;

use apiary_identity::{KeyPair, Role};
use apiary_store::model::{Effect, NewProcess, ProcessState, Resubmission, SubmitResult};
use apiary_tests::Backend;
use futures::future::join_all;
use uuid::Uuid;

use crate::tenant::{Bee, DONE, NOW, Tenant, failure};

on_each_store!(
    a_spec_that_put_a_process_back_is_answered_with_it_until_it_is_forgotten,
    a_spec_that_is_a_process_itself_puts_no_other_back,
    only_the_submitters_own_colony_and_key_put_a_process_back,
    what_another_is_to_replace_is_not_put_back,
    of_specs_at_two_brokers_exactly_one_puts_the_process_back,
    one_spec_at_two_brokers_puts_back_one_process,
);

async fn a_spec_that_put_a_process_back_is_answered_with_it_until_it_is_forgotten(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = dead_letter(&tenant, &bee).await;
    let spec = NewProcess { submit_by_ms: NOW + 500, ..tenant.process() };
    assert_eq!(tenant.store.submit_redrive(&[met(&spec, first)], NOW + 100).await.unwrap(), [true]);
    let shown = tenant.summary(first).await;
    assert_eq!((shown.state, shown.attempt, shown.retries_spent), (ProcessState::Waiting, 1, 0));
    assert_eq!(shown.since_ms, NOW + 100);
    fail(&tenant, &bee).await;
    assert_eq!(tenant.store.submit_redrive(&[met(&spec, first)], NOW + 200).await.unwrap(), [false], "the same bytes");
    let answer = |state| SubmitResult::Existed { process_id: first, state };
    let submit = async || tenant.store.submit(std::slice::from_ref(&spec), NOW + 300).await.unwrap();
    assert_eq!(submit().await, [answer(ProcessState::DeadLetter)]);
    assert_eq!(tenant.store.known(&spec, NOW + 300).await.unwrap(), Some(answer(ProcessState::DeadLetter)));
    let other = NewProcess { digest: tenant.process().digest, ..spec.clone() };
    assert_eq!(tenant.store.submit(&[other], NOW + 300).await.unwrap(), [SubmitResult::IdTaken]);
    assert_eq!(tenant.store.delete(tenant.colony.key, &[first], None).await.unwrap(), [Effect::Changed]);
    assert_eq!(submit().await, [answer(ProcessState::DeadLetter)], "also when it is deleted");
    assert_eq!(tenant.store.forget_deleted(NOW + 499, 10).await.unwrap(), 0);
    assert_eq!(tenant.store.forget_deleted(NOW + 500, 10).await.unwrap(), 1);
    assert_eq!(submit().await, [SubmitResult::New { state: ProcessState::Waiting }]);
}

async fn a_spec_that_is_a_process_itself_puts_no_other_back(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = dead_letter(&tenant, &bee).await;
    let spec = tenant.process();
    tenant.submit(spec.clone()).await;
    assert_eq!(tenant.store.submit_redrive(&[met(&spec, first)], NOW).await.unwrap(), [false]);
    let itself = SubmitResult::Existed { process_id: spec.process_id, state: ProcessState::Waiting };
    assert_eq!(tenant.store.submit(&[spec], NOW).await.unwrap(), [itself]);
    assert_eq!(tenant.state(first).await, ProcessState::DeadLetter);
}

async fn only_the_submitters_own_colony_and_key_put_a_process_back(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let bee = tenant.bee("bee").await;
    let first = dead_letter(&tenant, &bee).await;
    let stranger = tenant.member(&KeyPair::generate(), Role::User, "linus").await;
    let renewed = tenant.member(&tenant.user_key, Role::User, "ada").await;
    let by = |submitter| Resubmission { submitter, ..met(&tenant.process(), first) };
    let theirs = Resubmission { colony: other.colony.key, ..by(other.user) };
    let mixed = Resubmission { colony: other.colony.key, ..by(tenant.user) };
    for (refused, whose) in [(theirs, "another colony's"), (mixed, "of two colonies"), (by(stranger), "a stranger's")] {
        assert_eq!(store.submit_redrive(&[refused], NOW).await.unwrap(), [false], "{whose}");
    }
    let nobody = met(&tenant.process(), Uuid::now_v7());
    assert_eq!(store.submit_redrive(&[nobody, by(renewed)], NOW).await.unwrap(), [false, true]);
    assert_eq!(store.submit_redrive(&[], NOW).await.unwrap(), Vec::<bool>::new());
}

async fn what_another_is_to_replace_is_not_put_back(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = dead_letter(&tenant, &bee).await;
    let (colony, replacement) = (tenant.colony.key, Uuid::now_v7());
    assert_eq!(tenant.store.replace(colony, first, replacement, NOW).await.unwrap(), Effect::Changed);
    let spec = met(&tenant.process(), first);
    assert_eq!(tenant.store.submit_redrive(&[spec], NOW).await.unwrap(), [false]);
    tenant.store.cancel_replacement(colony, first, NOW).await.unwrap();
    assert_eq!(tenant.store.submit_redrive(&[spec], NOW).await.unwrap(), [true], "the replacement never came");
}

async fn of_specs_at_two_brokers_exactly_one_puts_the_process_back(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for round in 0..10 {
        let first = dead_letter(&tenant, &bee).await;
        let specs: Vec<Resubmission> = (0..6).map(|_| met(&tenant.process(), first)).collect();
        assert_eq!(redriven(&tenant, specs).await, 1, "round {round}");
        assert_eq!(tenant.state(first).await, ProcessState::Waiting);
        fail(&tenant, &bee).await;
    }
}

async fn one_spec_at_two_brokers_puts_back_one_process(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for round in 0..10 {
        let (one, other) = (dead_letter(&tenant, &bee).await, dead_letter(&tenant, &bee).await);
        let spec = tenant.process();
        let specs = [one, other, one, other].map(|first| met(&spec, first));
        assert_eq!(redriven(&tenant, specs.to_vec()).await, 1, "round {round}");
        fail(&tenant, &bee).await;
    }
}

/// Submits these specs concurrently, each in a transaction of its own; returns the number that put a process back.
async fn redriven(tenant: &Tenant, specs: Vec<Resubmission>) -> usize {
    let calls = specs.into_iter().map(|spec| {
        let store = Arc::clone(&tenant.store);
        tokio::spawn(async move { store.submit_redrive(&[spec], NOW).await.unwrap() })
    });
    join_all(calls)
        .await
        .into_iter()
        .filter(|redriven| matches!(redriven, Ok(answers) if answers[..] == [true]))
        .count()
}

/// Creates a dead letter.
async fn dead_letter(tenant: &Tenant, bee: &Bee) -> Uuid {
    let process_id = tenant.submit(tenant.process()).await;
    fail(tenant, bee).await;
    process_id
}

/// Claims the only waiting process, and makes it a dead letter.
async fn fail(tenant: &Tenant, bee: &Bee) {
    let mut failed = failure(tenant.claim_one(bee, NOW).await);
    failed.next = ProcessState::DeadLetter;
    assert_eq!(tenant.store.fail(&[failed], NOW).await.unwrap(), [DONE]);
}

/// Builds the resubmission of a spec with that earlier process.
fn met(spec: &NewProcess, first: Uuid) -> Resubmission {
    Resubmission {
        process_id: spec.process_id,
        first,
        colony: spec.colony,
        submitter: spec.submitter,
        digest: spec.digest,
        submit_by_ms: spec.submit_by_ms,
    }
}
