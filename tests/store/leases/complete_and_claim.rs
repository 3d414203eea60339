//! Attempts that end, and the claim of the next work, in one transaction.

use apiary_identity::Requirements;
use apiary_store::model::{
    ClaimResult, ClaimedLease, Completion, LeaseEnd, LeaseRef, Limit, LimitKind, LimitPolicy, LimitRecord, NewProcess,
    Pause, PauseKind, PauseTarget, ProcessState,
};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{Bee, DONE, NOW, Tenant, at, completion};

on_each_store!(
    attempts_end_and_the_next_ones_begin,
    a_place_under_a_limit_that_is_freed_is_given_at_once,
    a_lost_lease_keeps_nobody_from_the_next_work,
    without_work_the_attempts_end_all_the_same,
    nothing_is_claimed_past_a_pause,
    what_nobody_here_can_take_is_not_read_to_its_end,
);

async fn exchange(tenant: &Tenant, bee: &Bee, ended: &[LeaseRef], count: usize) -> (Vec<LeaseEnd>, ClaimResult) {
    let results: Vec<Completion> = ended.iter().map(|lease| completion(*lease, "{}")).collect();
    let (lane, slots) = (tenant.lane(), [bee.slot(count)]);
    let both = tenant.store.complete_and_claim(&results, NOW, &lane, &slots, &at(NOW)).await.unwrap();
    (both.0, both.1.expect("a short lane needs no claim of its own"))
}

fn ids(claimed: &[ClaimedLease]) -> Vec<Uuid> {
    claimed.iter().map(|lease| lease.process_id).collect()
}

async fn attempts_end_and_the_next_ones_begin(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut processes = Vec::new();
    for _ in 0..5 {
        processes.push(tenant.submit(tenant.process()).await);
    }
    let first = tenant.claim_at(&bee, 2, NOW).await;
    let running: Vec<LeaseRef> = first.iter().map(ClaimedLease::reference).collect();
    let (ends, claims) = exchange(&tenant, &bee, &running, 2).await;
    assert_eq!((ends, ids(&claims.claimed)), (vec![DONE, DONE], processes[2..4].to_vec()));
    for (number, state) in [(0, ProcessState::Succeeded), (2, ProcessState::Running), (4, ProcessState::Waiting)] {
        assert_eq!(tenant.state(processes[number]).await, state, "{number}");
    }
    // A lease like any other.
    let next: Vec<LeaseRef> = claims.claimed.iter().map(ClaimedLease::reference).collect();
    let (ends, claims) = exchange(&tenant, &bee, &next, 2).await;
    assert_eq!((ends, ids(&claims.claimed)), (vec![DONE, DONE], processes[4..].to_vec()));
}

async fn a_place_under_a_limit_that_is_freed_is_given_at_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let limit = Limit {
        kind: LimitKind::ConcurrencyKey,
        pattern: "*".to_owned(),
        running_max: Some(1),
        rate: None,
        policy: LimitPolicy::Queue,
    };
    let record = LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW };
    tenant.store.set_limit(tenant.colony.key, &record, None).await.unwrap();
    let with_key = || NewProcess { concurrency_key: Some("one".to_owned()), ..tenant.process() };
    let (first, second) = (tenant.submit(with_key()).await, tenant.submit(with_key()).await);
    let claimed = tenant.claim_at(&bee, 9, NOW).await;
    assert_eq!(ids(&claimed), [first], "the key has one place");
    let (results, lane, slots) = ([completion(claimed[0].reference(), "{}")], tenant.lane(), [bee.slot(9)]);
    let (ends, claims) = tenant.store.complete_and_claim(&results, NOW, &lane, &slots, &at(NOW)).await.unwrap();
    // Postgres claims by itself where limits count.
    let next = match claims {
        Some(claims) => claims.claimed,
        None => tenant.claim_at(&bee, 9, NOW).await,
    };
    assert_eq!((ends, ids(&next)), (vec![DONE], vec![second]));
}

async fn a_lost_lease_keeps_nobody_from_the_next_work(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let next = tenant.submit(tenant.process()).await;
    let gone = LeaseRef { process_id: Uuid::new_v4(), attempt: 1, executor: bee.grant };
    let (ends, claims) = exchange(&tenant, &bee, &[gone], 1).await;
    assert_eq!((ends, ids(&claims.claimed)), (vec![LeaseEnd::Lost], vec![next]));
    assert_eq!(tenant.state(next).await, ProcessState::Running);
}

async fn without_work_the_attempts_end_all_the_same(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let (ends, claims) = exchange(&tenant, &bee, &[lease], 3).await;
    assert_eq!((ends, claims.claimed.len(), claims.is_lane_empty), (vec![DONE], 0, true));
    assert_eq!(tenant.state(process).await, ProcessState::Succeeded);
}

async fn nothing_is_claimed_past_a_pause(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let next = tenant.submit(tenant.process()).await;
    let what = PauseTarget { kind: PauseKind::Colony, name: String::new() };
    let pause = Pause { what, reason: String::new(), by: "ada".to_owned(), since_ms: NOW };
    tenant.store.pause(tenant.colony.key, &pause, None).await.unwrap();
    let (results, lane, slots) = ([completion(lease, "{}")], tenant.lane(), [bee.slot(3)]);
    let (ends, claims) = tenant.store.complete_and_claim(&results, NOW, &lane, &slots, &at(NOW)).await.unwrap();
    assert_eq!((ends, claims.map_or(0, |claims| claims.claimed.len())), (vec![DONE], 0));
    assert_eq!(tenant.state(next).await, ProcessState::Waiting);
}

async fn what_nobody_here_can_take_is_not_read_to_its_end(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let elsewhere = Requirements { location: Some("elsewhere".to_owned()), ..Requirements::default() };
    let for_another = || NewProcess { requires: elsewhere.clone(), ..tenant.process() };
    let processes: Vec<NewProcess> = (0..600).map(|_| for_another()).collect();
    tenant.store.submit(&processes, NOW).await.unwrap();
    let last = tenant.submit(tenant.process()).await;
    let (results, lane, slots) = ([completion(lease, "{}")], tenant.lane(), [bee.slot(1)]);
    let (ends, claims) = tenant.store.complete_and_claim(&results, NOW, &lane, &slots, &at(NOW)).await.unwrap();
    assert_eq!(ends, [DONE]);
    assert!(claims.is_none(), "everybody's results would wait: {claims:?}");
    assert_eq!(ids(&tenant.claim_at(&bee, 1, NOW).await), [last], "the claim by itself finds it");
}
