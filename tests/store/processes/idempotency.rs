//! Idempotency keys: the first process of a key is the answer until its retention ends.

use apiary_store::model::{NewProcess, ProcessState, SubmitResult};
use apiary_tests::Backend;

use crate::tenant::{NOW, Tenant, completion};

on_each_store!(
    a_hundred_submits_of_one_key_make_one_process,
    a_key_answers_with_its_process_finished_or_not,
    a_key_is_of_one_function_of_one_colony,
    a_key_is_free_again_when_its_retention_is_over,
    an_old_spec_does_not_take_its_key_back,
    keys_are_forgotten_by_the_sweep,
);

fn with_key(tenant: &Tenant, key: &str, expires_at_ms: i64) -> NewProcess {
    let mut process = tenant.process();
    process.idempotency = Some((key.to_owned(), expires_at_ms));
    process
}

async fn a_hundred_submits_of_one_key_make_one_process(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let processes: Vec<NewProcess> = (0..100).map(|_| with_key(&tenant, "evt_1", NOW + 1000)).collect();
    let submits = processes.iter().map(|process| tenant.store.submit(std::slice::from_ref(process), NOW));
    let answers = futures::future::try_join_all(submits).await.unwrap();
    let first: Vec<_> = processes
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| matches!(answer[0], SubmitResult::New { .. }))
        .map(|(process, _)| process.process_id)
        .collect();
    assert_eq!(first.len(), 1);
    let existed = SubmitResult::Existed { process_id: first[0], state: ProcessState::Waiting };
    assert_eq!(answers.iter().filter(|answer| answer[0] == existed).count(), 99);
    assert_eq!(tenant.list(&Default::default()).await, first);
}

async fn a_key_answers_with_its_process_finished_or_not(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(with_key(&tenant, "evt_1", NOW + 1000)).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    let answers = tenant.store.submit(&[with_key(&tenant, "evt_1", NOW + 1000)], NOW).await.unwrap();
    assert_eq!(answers, [SubmitResult::Existed { process_id, state: ProcessState::Succeeded }]);
}

async fn a_key_is_of_one_function_of_one_colony(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    tenant.submit(with_key(&tenant, "evt_1", NOW + 1000)).await;
    let mut other_function = with_key(&tenant, "evt_1", NOW + 1000);
    other_function.function = "archive_data".to_owned();
    let batch = [other_function, with_key(&other, "evt_1", NOW + 1000)];
    let new = SubmitResult::New { state: ProcessState::Waiting };
    assert_eq!(tenant.store.submit(&batch, NOW).await.unwrap(), [new, new]);
}

async fn a_key_is_free_again_when_its_retention_is_over(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let first = tenant.submit(with_key(&tenant, "evt_1", NOW + 1000)).await;
    let late = with_key(&tenant, "evt_1", NOW + 5000);
    let still = tenant.store.submit(std::slice::from_ref(&late), NOW + 999).await.unwrap();
    assert_eq!(still, [SubmitResult::Existed { process_id: first, state: ProcessState::Waiting }]);
    let free = tenant.store.submit(std::slice::from_ref(&late), NOW + 1000).await.unwrap();
    assert_eq!(free, [SubmitResult::New { state: ProcessState::Waiting }]);
    let next = tenant.store.submit(&[with_key(&tenant, "evt_1", NOW + 9000)], NOW + 4999).await.unwrap();
    assert_eq!(next, [SubmitResult::Existed { process_id: late.process_id, state: ProcessState::Waiting }]);
}

/// A replay of the first spec after the retention returns its process, but does not reserve the key again.
async fn an_old_spec_does_not_take_its_key_back(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let first = with_key(&tenant, "evt_1", NOW + 1000);
    tenant.submit(first.clone()).await;
    let mut replayed = first.clone();
    replayed.idempotency = Some(("evt_1".to_owned(), NOW + 9000));
    let existed = SubmitResult::Existed { process_id: first.process_id, state: ProcessState::Waiting };
    assert_eq!(tenant.store.submit(&[replayed], NOW + 2000).await.unwrap(), [existed]);
    let next = tenant.store.submit(&[with_key(&tenant, "evt_1", NOW + 9000)], NOW + 2000).await.unwrap();
    assert_eq!(next, [SubmitResult::New { state: ProcessState::Waiting }]);
}

async fn keys_are_forgotten_by_the_sweep(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for number in 0..5 {
        tenant.submit(with_key(&tenant, &format!("evt_{number}"), NOW + 1000 + number)).await;
    }
    assert_eq!(tenant.store.forget_idempotency_keys(NOW + 999, 10).await.unwrap(), 0);
    assert_eq!(tenant.store.forget_idempotency_keys(NOW + 1002, 2).await.unwrap(), 2);
    assert_eq!(tenant.store.forget_idempotency_keys(NOW + 1002, 2).await.unwrap(), 1);
    // The retention of two keys has not ended yet.
    let answers = tenant.store.submit(&[with_key(&tenant, "evt_4", NOW + 9000)], NOW + 1002).await.unwrap();
    assert!(matches!(answers[..], [SubmitResult::Existed { .. }]), "{answers:?}");
    assert_eq!(tenant.store.forget_idempotency_keys(NOW + 9000, 10).await.unwrap(), 2);
}
