//! Claim: in order, to the right executor, exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;

use apiary_store::model::{Lane, ProcessState};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, LEASE_MS, NOW, Tenant, at, failure};

on_each_store!(
    an_empty_lane_gives_nothing,
    a_claim_carries_all_that_the_executor_needs,
    lower_priority_time_goes_first_and_ids_settle_ties,
    slots_are_filled_one_after_the_other,
    work_for_a_name_goes_to_that_name_at_its_place_in_the_queue,
    work_for_somebody_absent_hinders_nobody,
    work_behind_more_than_a_page_for_a_full_executor_is_found,
    a_lane_is_of_one_colony_and_one_type,
    max_exec_cuts_the_lease,
    a_slot_for_nothing_takes_nothing,
    many_that_claim_at_once_get_each_process_once,
    a_retried_process_keeps_its_place,
    lanes_with_work_are_told_from_those_without,
);

async fn lanes_with_work_are_told_from_those_without(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let bee = tenant.bee("bee").await;
    let (lane, empty) = (tenant.lane(), Lane { executor_type: "nobody".to_owned(), ..tenant.lane() });
    let all = [empty, other.lane(), lane.clone()];
    assert!(tenant.store.waiting_lanes(&all).await.unwrap().is_empty());
    assert!(tenant.store.waiting_lanes(&[]).await.unwrap().is_empty());
    tenant.submit(tenant.process()).await;
    tenant.submit(tenant.process()).await;
    let found = tenant.store.waiting_lanes(&all).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&lane), "once, and of this colony alone");
    tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.waiting_lanes(&all).await.unwrap(), [lane]);
    tenant.claim_one(&bee, NOW).await;
    assert!(tenant.store.waiting_lanes(&all).await.unwrap().is_empty(), "what runs does not wait");
}

async fn an_empty_lane_gives_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    assert!(tenant.claim_at(&bee, 5, NOW).await.is_empty());
    assert!(tenant.claim(&[], NOW).await.is_empty());
}

async fn a_claim_carries_all_that_the_executor_needs(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_retries = -1;
    tenant.submit(process.clone()).await;
    let claimed = tenant.claim_at(&bee, 5, NOW + 3).await;
    assert_eq!(claimed.len(), 1);
    let claimed = &claimed[0];
    assert_eq!((claimed.slot, claimed.process_id, claimed.attempt), (0, process.process_id, 1));
    assert_eq!((claimed.retries_spent, claimed.max_retries, claimed.submitter), (0, -1, tenant.user));
    assert_eq!(claimed.expires_at_ms, NOW + 3 + LEASE_MS);
    assert_eq!((&claimed.payload, claimed.signature.as_slice()), (&process.payload, process.signature.as_bytes()));
    assert_eq!(tenant.state(process.process_id).await, ProcessState::Running);
    assert!(tenant.claim_at(&bee, 5, NOW + 4).await.is_empty());
}

async fn lower_priority_time_goes_first_and_ids_settle_ties(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut expected = Vec::new();
    for priority_time_us in [NOW + 5, NOW, NOW - 1000, NOW, i64::from(i32::MIN), NOW + 5] {
        let mut process = tenant.process();
        process.priority_time_us = priority_time_us;
        expected.push((priority_time_us, tenant.submit(process).await));
    }
    expected.sort();
    let mut order = Vec::new();
    for count in [1, 2, 10] {
        order.extend(tenant.claim_at(&bee, count, NOW).await.into_iter().map(|claimed| claimed.process_id));
    }
    assert_eq!(order, expected.into_iter().map(|(_, process_id)| process_id).collect::<Vec<_>>());
}

async fn slots_are_filled_one_after_the_other(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (first, second) = (tenant.bee("bee-1").await, tenant.bee("bee-2").await);
    for _ in 0..4 {
        tenant.submit(tenant.process()).await;
    }
    let mut short = second.slot(2);
    short.lease_ms = 10;
    let claimed = tenant.claim(&[first.slot(1), short], NOW).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.slot, one.expires_at_ms - NOW)).collect();
    assert_eq!(got, [(0, LEASE_MS), (1, 10), (1, 10)]);
    let leases = tenant.store.leases(&[claimed[0].process_id, claimed[1].process_id]).await.unwrap();
    for lease in leases {
        let expected = if lease.process_id == claimed[0].process_id { first.grant } else { second.grant };
        assert_eq!(lease.executor, expected);
    }
}

async fn work_for_a_name_goes_to_that_name_at_its_place_in_the_queue(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (ann, bob) = (tenant.bee("ann").await, tenant.bee("bob").await);
    let mut ids = Vec::new();
    for names in [vec!["bob"], vec![], vec!["zoe", "ann"], vec!["ann", "bob"], vec![]] {
        let mut process = tenant.process();
        process.executor_names = names.into_iter().map(str::to_owned).collect();
        ids.push(tenant.submit(process).await);
    }
    let claimed = tenant.claim(&[ann.slot(2), bob.slot(2)], NOW).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.process_id, one.slot)).collect();
    // Named and unnamed work are in one order; work for which ann has no room goes to bob if he may run it.
    assert_eq!(got, [(ids[0], 1), (ids[1], 0), (ids[2], 0), (ids[3], 1)]);
    let rest = tenant.claim_at(&bob, 5, NOW).await;
    assert_eq!(rest.iter().map(|one| one.process_id).collect::<Vec<_>>(), [ids[4]]);
}

async fn work_for_somebody_absent_hinders_nobody(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (ann, bob) = (tenant.bee("ann").await, tenant.bee("bob").await);
    let mut batch: Vec<_> = (0..300).map(|_| tenant.process()).collect();
    for (number, process) in batch.iter_mut().enumerate().take(299) {
        process.executor_names = vec![if number % 2 == 0 { "zoe" } else { "ann" }.to_owned()];
    }
    let last = batch[299].process_id;
    tenant.store.submit(&batch, NOW).await.unwrap();
    let claimed = tenant.claim(&[ann.slot(1), bob.slot(1)], NOW).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.process_id, one.slot)).collect();
    assert_eq!(got, [(batch[1].process_id, 0), (last, 1)]);
}

async fn work_behind_more_than_a_page_for_a_full_executor_is_found(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (ann, bob) = (tenant.bee("ann").await, tenant.bee("bob").await);
    let mut batch: Vec<_> = (0..20).map(|_| tenant.process()).collect();
    batch.iter_mut().take(18).for_each(|process| process.executor_names = vec!["ann".to_owned()]);
    tenant.store.submit(&batch, NOW).await.unwrap();
    let claimed = tenant.claim(&[ann.slot(1), bob.slot(2)], NOW).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.process_id, one.slot)).collect();
    assert_eq!(got, [(batch[0].process_id, 0), (batch[18].process_id, 1), (batch[19].process_id, 1)]);
}

async fn a_lane_is_of_one_colony_and_one_type(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let bee = tenant.bee("bee").await;
    other.submit(other.process()).await;
    let mut archive = tenant.process();
    archive.executor_type = "archive".to_owned();
    let archive = tenant.submit(archive).await;
    assert!(tenant.claim_at(&bee, 10, NOW).await.is_empty());
    let lane = Lane { colony: tenant.colony.key, executor_type: "archive".to_owned() };
    let claimed = tenant.store.claim(&lane, &[bee.slot(10)], &at(NOW)).await.unwrap().claimed;
    assert_eq!(claimed.iter().map(|one| one.process_id).collect::<Vec<_>>(), [archive]);
}

async fn max_exec_cuts_the_lease(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for max_exec_ms in [1000, LEASE_MS + 1000] {
        let mut process = tenant.process();
        process.max_exec_ms = max_exec_ms;
        let process_id = tenant.submit(process).await;
        let claimed = tenant.claim_at(&bee, 1, NOW).await;
        assert_eq!(claimed[0].expires_at_ms, NOW + max_exec_ms.min(LEASE_MS));
        let lease = &tenant.store.leases(&[process_id]).await.unwrap()[0];
        assert_eq!(lease.exec_deadline_ms, Some(NOW + max_exec_ms));
    }
}

async fn a_slot_for_nothing_takes_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    assert!(tenant.claim_at(&bee, 0, NOW).await.is_empty());
    assert_eq!(tenant.state(process_id).await, ProcessState::Waiting);
}

async fn many_that_claim_at_once_get_each_process_once(backend: Backend) {
    const PROCESSES: usize = 1200;
    let tenant = Arc::new(Tenant::on(&backend).await);
    for _ in 0..PROCESSES / 100 {
        let batch: Vec<_> = (0..100).map(|_| tenant.process()).collect();
        tenant.store.submit(&batch, NOW).await.unwrap();
    }
    let mut claimers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let tenant = tenant.clone();
        claimers.spawn(async move {
            let bee = tenant.bee(&format!("bee-{number}")).await;
            let mut got = Vec::new();
            loop {
                let claimed = tenant.claim_at(&bee, 7, NOW).await;
                // Another claimer may hold the rest locked: only an empty queue is the end.
                if claimed.is_empty() && tenant.store.next_deadline_ms().await.unwrap().is_some() {
                    let waiting = tenant.store.count_states(Some(tenant.colony.key)).await.unwrap();
                    if !waiting.iter().any(|(state, _)| *state == ProcessState::Waiting) {
                        return got;
                    }
                }
                got.extend(claimed.into_iter().map(|one| one.process_id));
            }
        });
    }
    let got = claimers.join_all().await.concat();
    assert_eq!(got.len(), PROCESSES, "no process was given to two");
    assert_eq!(got.into_iter().collect::<BTreeSet<Uuid>>().len(), PROCESSES, "and every one was given");
}

async fn a_retried_process_keeps_its_place(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = tenant.submit(tenant.process()).await;
    let second = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(lease.process_id, first);
    assert_eq!(tenant.store.fail(&[failure(lease)], NOW + 1).await.unwrap(), [DONE]);
    let claimed = tenant.claim_at(&bee, 2, NOW + 2).await;
    let got: Vec<_> = claimed.iter().map(|one| (one.process_id, one.attempt, one.retries_spent)).collect();
    assert_eq!(got, [(first, 2, 1), (second, 1, 0)]);
}
