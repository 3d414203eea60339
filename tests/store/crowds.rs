//! Claims in lanes full of work that cannot be taken now, and claims that had to wait themselves.

use std::fmt::Write as _;
use std::time::Duration;

use apiary_store::limits::CLAIM_SCAN_ROWS_MAX;
use apiary_store::model::{Bucket, Limit, LimitKind, LimitPolicy, LimitRecord, NewProcess, Rate};
use apiary_tests::{Backend, Hold};
use uuid::Uuid;

use crate::tenant::{KIND, LEASE_MS, NOW, Tenant, at, cancellation, completion};

on_each_store!(
    the_time_of_a_claim_is_read_after_its_waits,
    a_rate_counts_no_time_twice_after_a_claim_that_waited,
    what_can_be_taken_is_found_behind_a_long_row_of_used_up_keys,
    a_place_that_gets_free_goes_to_the_first_that_waits_for_it,
);

async fn the_time_of_a_claim_is_read_after_its_waits(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(keyed(&tenant, "a")).await;
    let (hold, clock, lane, slots) = (hold(&backend, &tenant).await, at(NOW), tenant.lane(), [bee.slot(1)]);
    let end = async {
        clock.advance(Duration::from_millis(2000));
        hold.end().await;
    };
    let (claims, ()) = tokio::join!(tenant.store.claim(&lane, &slots, &clock), end);
    let claimed = claims.unwrap().claimed;
    assert_eq!((claimed[0].process_id, claimed[0].expires_at_ms), (process_id, NOW + 2000 + LEASE_MS));
}

/// A broker takes from the rate while an earlier claim of another broker waits for its turn.
async fn a_rate_counts_no_time_twice_after_a_claim_that_waited(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let rate = Rate { count: 1000, interval_ms: 1000, burst: 10 };
    let limit = Limit {
        kind: LimitKind::ExecutorType,
        pattern: KIND.to_owned(),
        running_max: None,
        policy: LimitPolicy::Queue,
        rate: Some(rate),
    };
    let record = LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW };
    assert!(tenant.store.set_limit(tenant.colony.key, &record, None).await.unwrap());
    for _ in 0..40 {
        tenant.submit(tenant.process()).await;
    }
    assert_eq!(tenant.claim_at(&bee, 8, NOW + 112).await.len(), 8);
    assert_eq!(tenant.claim_at(&bee, 1, NOW + 100).await.len(), 1);
    let uses = tenant.store.list_limit_uses(tenant.colony.key).await.unwrap();
    assert_eq!(uses[0].bucket, Some(Bucket { tokens: 1.0, filled_at_ms: NOW + 112 }));
    assert_eq!(tenant.claim_at(&bee, 40, NOW + 114).await.len(), 3, "one that was left, and two that came in 2 ms");
}

async fn what_can_be_taken_is_found_behind_a_long_row_of_used_up_keys(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for number in 0..300 {
        tenant.submit(keyed(&tenant, &format!("k{number}"))).await;
    }
    let mut running = 0;
    while running < 300 {
        running += tenant.claim_at(&bee, 256, NOW).await.len();
    }
    let count = usize::try_from(CLAIM_SCAN_ROWS_MAX).unwrap() + 500;
    crowd(&backend, &tenant, count, |number| format!("k{}", number % 300)).await;
    let claims = tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await.unwrap();
    assert!(claims.claimed.is_empty() && claims.hit_limit && claims.waits_for_running && !claims.has_more);
    let behind = [keyed(&tenant, "free"), keyed(&tenant, "free"), keyed(&tenant, "other")];
    let behind = behind.map(|process| NewProcess { priority_time_us: NOW + 1, ..process });
    let ids = tenant.store.submit(&behind, NOW).await.map(|_| behind.map(|process| process.process_id)).unwrap();
    let claimed = tenant.claim_at(&bee, 9, NOW).await;
    assert_eq!(claimed.iter().map(|one| one.process_id).collect::<Vec<_>>(), [ids[0], ids[2]]);
}

async fn a_place_that_gets_free_goes_to_the_first_that_waits_for_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let ran = tenant.submit(keyed(&tenant, "a")).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(lease.process_id, ran);
    let first = tenant.submit(keyed(&tenant, "a")).await;
    let count = usize::try_from(CLAIM_SCAN_ROWS_MAX).unwrap() + 500;
    crowd(&backend, &tenant, count, |_| "a".to_owned()).await;
    assert!(tenant.claim_at(&bee, 1, NOW).await.is_empty());
    let other = tenant.submit(NewProcess { priority_time_us: NOW + 1, ..keyed(&tenant, "a") }).await;
    // A claim keeps no locks afterwards.
    tenant.store.cancel(tenant.colony.key, &[other], &cancellation(NOW), NOW, None).await.unwrap();
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    let claimed = tenant.claim_at(&bee, 9, NOW).await;
    assert_eq!(claimed.iter().map(|one| one.process_id).collect::<Vec<_>>(), [first]);
}

/// Keeps claims of this colony from counting limits, as another broker would.
async fn hold(backend: &Backend, tenant: &Tenant) -> Hold {
    let lock =
        format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('apiary.limits', {}))", tenant.colony.key.0);
    backend.hold(if backend.kind() == "postgres" { &lock } else { "BEGIN IMMEDIATE" }).await
}

/// Submits as many processes as a claim examines, which no executor takes.
async fn crowd(backend: &Backend, tenant: &Tenant, count: usize, key: impl Fn(usize) -> String) {
    let columns = "process_id, colony, priority_time_us, since_ms, attempt, retries_spent, executor_type, function, concurrency_key";
    let colony = tenant.colony.key.0;
    let numbers: Vec<usize> = (0..count).collect();
    for part in numbers.chunks(1000) {
        let mut rows = String::new();
        for number in part {
            let id = Uuid::now_v7().simple();
            let id = if backend.kind() == "postgres" { format!("'{id}'::uuid") } else { format!("x'{id}'") };
            let comma = if rows.is_empty() { "" } else { ", " };
            write!(rows, "{comma}({id}, {colony}, {NOW}, {NOW}, 0, 0, '{KIND}', 'f', '{}')", key(*number)).unwrap();
        }
        backend.execute(&format!("INSERT INTO queue ({columns}) VALUES {rows}")).await;
    }
}

fn keyed(tenant: &Tenant, key: &str) -> NewProcess {
    NewProcess { concurrency_key: Some(key.to_owned()), ..tenant.process() }
}
