//! Submit: each process is stored once, and each item has an answer.

use apiary_store::model::{ProcessState, SubmitResult};
use apiary_tests::Backend;

use crate::tenant::{NOW, Tenant};

on_each_store!(
    a_batch_is_answered_item_by_item_in_its_order,
    an_empty_batch_asks_nothing,
    the_same_spec_again_returns_the_process_and_its_state,
    another_spec_under_the_same_id_is_refused,
    an_id_of_another_colony_is_taken_and_nothing_of_it_is_told,
    a_refused_item_leaves_nothing_behind,
    the_same_spec_at_the_same_moment_is_kept_once,
    two_specs_under_one_id_at_the_same_moment_one_is_kept,
    batches_that_overlap_do_not_block_each_other,
    bytes_come_back_as_they_were,
);

async fn a_batch_is_answered_item_by_item_in_its_order(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let known = tenant.process();
    tenant.submit(known.clone()).await;
    let mut blocked = tenant.process();
    blocked.not_before_ms = Some(NOW + 1);
    let mut due = tenant.process();
    due.not_before_ms = Some(NOW);
    let mut thief = tenant.process();
    thief.process_id = known.process_id;
    let (waiting, blocked_state) =
        (SubmitResult::New { state: ProcessState::Waiting }, SubmitResult::New { state: ProcessState::Blocked });

    let batch = [tenant.process(), blocked.clone(), known.clone(), due, tenant.process()];
    let existed = SubmitResult::Existed { process_id: known.process_id, state: ProcessState::Waiting };
    let answers = tenant.store.submit(&batch, NOW).await.unwrap();
    assert_eq!(answers, [waiting, blocked_state, existed, waiting, waiting]);
    let batch = [tenant.process(), thief, blocked.clone()];
    let existed = SubmitResult::Existed { process_id: blocked.process_id, state: ProcessState::Blocked };
    assert_eq!(tenant.store.submit(&batch, NOW).await.unwrap(), [waiting, SubmitResult::IdTaken, existed]);
}

async fn an_empty_batch_asks_nothing(backend: Backend) {
    let store = backend.open().await;
    // A closed store cannot query its database.
    store.close().await;
    assert_eq!(store.submit(&[], NOW).await.unwrap(), []);
    assert_eq!(store.renew(&[], NOW).await.unwrap(), []);
    assert_eq!(store.complete(&[], NOW).await.unwrap(), []);
    assert_eq!(store.fail(&[], NOW).await.unwrap(), []);
    assert_eq!(store.release(&[], NOW).await.unwrap(), []);
    assert!(store.summaries(&[]).await.unwrap().is_empty());
    assert!(store.leases(&[]).await.unwrap().is_empty());
    assert!(store.specs(&[]).await.unwrap().is_empty());
}

async fn the_same_spec_again_returns_the_process_and_its_state(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    let bee = tenant.bee("bee").await;
    tenant.claim_one(&bee, NOW).await;
    let existed = SubmitResult::Existed { process_id: process.process_id, state: ProcessState::Running };
    assert_eq!(tenant.store.submit(&[process], NOW).await.unwrap(), [existed]);
}

async fn another_spec_under_the_same_id_is_refused(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    let mut other = tenant.process();
    other.process_id = process.process_id;
    assert_eq!(tenant.store.submit(&[other], NOW).await.unwrap(), [SubmitResult::IdTaken]);
    let kept = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
    assert_eq!(kept.payload, process.payload);
}

async fn an_id_of_another_colony_is_taken_and_nothing_of_it_is_told(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    let mut copy = process.clone();
    copy.colony = other.colony.key;
    assert_eq!(other.store.submit(&[copy], NOW).await.unwrap(), [SubmitResult::IdTaken]);
    assert!(other.store.get_process(other.colony.key, process.process_id).await.unwrap().is_none());
}

async fn a_refused_item_leaves_nothing_behind(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    let mut thief = tenant.process();
    thief.process_id = process.process_id;
    thief.idempotency = Some(("invoice-7".to_owned(), NOW + 1000));
    assert_eq!(tenant.store.submit(&[thief.clone()], NOW).await.unwrap(), [SubmitResult::IdTaken]);
    // Its key is still free.
    let mut honest = tenant.process();
    honest.idempotency = Some(("invoice-7".to_owned(), NOW + 1000));
    let answers = tenant.store.submit(&[honest], NOW).await.unwrap();
    assert_eq!(answers, [SubmitResult::New { state: ProcessState::Waiting }]);
}

async fn the_same_spec_at_the_same_moment_is_kept_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for _ in 0..10 {
        let process = [tenant.process()];
        let answers = futures::future::try_join_all((0..8).map(|_| tenant.store.submit(&process, NOW))).await.unwrap();
        let new = answers.iter().filter(|answer| matches!(answer[0], SubmitResult::New { .. })).count();
        let existed = answers.iter().filter(|answer| matches!(answer[0], SubmitResult::Existed { .. })).count();
        assert_eq!((new, existed), (1, 7), "{answers:?}");
    }
}

async fn two_specs_under_one_id_at_the_same_moment_one_is_kept(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for round in 0..10 {
        let mut specs: Vec<_> = (0..4).map(|_| tenant.process()).collect();
        for number in 0..specs.len() {
            specs[number].process_id = specs[0].process_id;
            specs[number].idempotency = Some((format!("{round}-{number}"), NOW + 1000));
        }
        let submits = specs.iter().map(|spec| tenant.store.submit(std::slice::from_ref(spec), NOW));
        let answers = futures::future::try_join_all(submits).await.unwrap();
        let kept: Vec<usize> =
            (0..specs.len()).filter(|number| matches!(answers[*number][0], SubmitResult::New { .. })).collect();
        assert_eq!(kept.len(), 1, "{answers:?}");
        // The keys of the others are free: none refers to another spec's process.
        for number in (0..specs.len()).filter(|number| *number != kept[0]) {
            assert_eq!(answers[number], [SubmitResult::IdTaken]);
            let mut again = tenant.process();
            again.idempotency = specs[number].idempotency.clone();
            tenant.submit(again).await;
        }
    }
}

async fn batches_that_overlap_do_not_block_each_other(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let processes: Vec<_> = (0..50)
        .map(|number| {
            let mut process = tenant.process();
            process.idempotency = Some((format!("key-{number}"), NOW + 1000));
            process
        })
        .collect();
    let backwards: Vec<_> = processes.iter().rev().cloned().collect();
    let batches = (0..10).map(|number| tenant.store.submit(if number % 2 == 0 { &processes } else { &backwards }, NOW));
    let answers = futures::future::try_join_all(batches).await.unwrap();
    let new = answers.iter().flatten().filter(|answer| matches!(answer, SubmitResult::New { .. })).count();
    assert_eq!(new, 50);
}

async fn bytes_come_back_as_they_were(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut batch = Vec::new();
    for size in [0, 1, 1024, 1024 * 1024] {
        let mut process = tenant.process();
        process.payload = (0..size).map(|number: usize| number.wrapping_mul(31).to_le_bytes()[0]).collect();
        batch.push(process);
    }
    tenant.store.submit(&batch, NOW).await.unwrap();
    for process in batch {
        let kept = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
        assert!(kept.payload == process.payload, "{} bytes", process.payload.len());
        assert_eq!((kept.signature.as_slice(), kept.submitter), (process.signature.as_bytes(), tenant.user));
    }
}
