//! Limits: the most that a claim gives, and the stored use.

use std::collections::HashSet;

use apiary_store::StoreError;
use apiary_store::model::{Bucket, Limit, LimitKind, LimitPolicy, LimitRecord, LimitUse, NewProcess, Rate};
use apiary_tests::Backend;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::tenant::{Bee, KIND, NOW, Tenant, at, completion, failure};

on_each_store!(
    a_key_without_a_limit_runs_one_at_a_time_in_its_order,
    each_key_of_a_pattern_has_the_limit_for_itself,
    a_lower_limit_stops_nobody_and_starts_nobody,
    functions_and_types_are_limited_apart_from_each_other,
    a_rate_lets_a_burst_start_and_then_one_by_one,
    what_is_held_hinders_nobody_behind_it,
    a_place_that_is_given_back_is_free,
    two_claims_at_once_do_not_both_take_the_last_place,
    a_limit_is_replaced_listed_and_removed,
    a_colony_has_only_so_many_limits,
    use_is_counted_by_key,
    full_buckets_are_forgotten,
    a_limit_that_nobody_put_there_is_named,
);

async fn a_key_without_a_limit_runs_one_at_a_time_in_its_order(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = submit(&tenant, Some("a"), None).await;
    let second = submit(&tenant, Some("a"), None).await;
    let other = submit(&tenant, Some("b"), None).await;
    let free = submit(&tenant, None, None).await;
    assert_eq!(claim(&tenant, &bee).await, [first, other, free]);
    let claims = tenant.store.claim(&tenant.lane(), &[bee.slot(9)], &at(NOW)).await.unwrap();
    assert!(claims.claimed.is_empty() && claims.hit_limit && claims.waits_for_running && !claims.has_more);
    complete(&tenant, &bee, first).await;
    assert_eq!(claim(&tenant, &bee).await, [second]);
}

async fn each_key_of_a_pattern_has_the_limit_for_itself(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, limit(LimitKind::ConcurrencyKey, "tenant-*", 2)).await;
    set(&tenant, limit(LimitKind::ConcurrencyKey, "tenant-a", 3)).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        for key in ["tenant-a", "tenant-b", "tenant"] {
            ids.push(submit(&tenant, Some(key), None).await);
        }
    }
    let claimed = claim(&tenant, &bee).await;
    assert_eq!(claimed, [ids[0], ids[1], ids[2], ids[3], ids[4], ids[6]]);
}

async fn a_lower_limit_stops_nobody_and_starts_nobody(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, limit(LimitKind::ConcurrencyKey, "a", 3)).await;
    for _ in 0..5 {
        submit(&tenant, Some("a"), None).await;
    }
    let running = claim(&tenant, &bee).await;
    assert_eq!(running.len(), 3);
    set(&tenant, limit(LimitKind::ConcurrencyKey, "a", 2)).await;
    complete(&tenant, &bee, running[0]).await;
    assert!(claim(&tenant, &bee).await.is_empty());
    complete(&tenant, &bee, running[1]).await;
    assert_eq!(claim(&tenant, &bee).await.len(), 1);
    set(&tenant, limit(LimitKind::ConcurrencyKey, "a", 5)).await;
    assert_eq!(claim(&tenant, &bee).await.len(), 1);
}

async fn functions_and_types_are_limited_apart_from_each_other(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, limit(LimitKind::Function, "charge", 1)).await;
    let mut ids = Vec::new();
    for function in ["charge", "charge", "ship", "ship", "ship"] {
        ids.push(tenant.submit(NewProcess { function: function.to_owned(), ..tenant.process() }).await);
    }
    set(&tenant, limit(LimitKind::ExecutorType, KIND, 3)).await;
    set(&tenant, limit(LimitKind::ExecutorType, "archive", 1)).await;
    assert_eq!(claim(&tenant, &bee).await, [ids[0], ids[2], ids[3]]);
    complete(&tenant, &bee, ids[2]).await;
    assert_eq!(claim(&tenant, &bee).await, [ids[4]]);
    complete(&tenant, &bee, ids[0]).await;
    assert_eq!(claim(&tenant, &bee).await, [ids[1]]);
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let other_bee = other.bee("bee").await;
    for _ in 0..4 {
        other.submit(other.process()).await;
    }
    assert_eq!(claim(&other, &other_bee).await.len(), 4, "another colony's work is not limited");
}

async fn a_rate_lets_a_burst_start_and_then_one_by_one(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, rated(LimitKind::RateKey, "api-*", Rate { count: 2, interval_ms: 1000, burst: 3 })).await;
    for _ in 0..9 {
        submit(&tenant, None, Some("api-1")).await;
    }
    let started = async |count: usize, now_ms: i64| tenant.claim_at(&bee, count, now_ms).await.len();
    assert_eq!(started(2, NOW).await, 2);
    assert_eq!(started(9, NOW).await, 1, "three at once");
    let claims = tenant.store.claim(&tenant.lane(), &[bee.slot(9)], &at(NOW)).await.unwrap();
    assert!(claims.claimed.is_empty() && claims.hit_limit && !claims.waits_for_running);
    assert_eq!(claims.next_start_ms, Some(NOW + 500));
    assert_eq!(started(9, NOW + 499).await, 0);
    assert_eq!(started(9, NOW + 500).await, 1);
    assert_eq!(started(9, NOW - 60_000).await, 0, "a clock that goes back brings nothing");
    assert_eq!(started(9, NOW + 1500).await, 2);
    assert!(tenant.store.remove_limit(tenant.colony.key, LimitKind::RateKey, "api-*", None).await.unwrap());
    assert_eq!(started(9, NOW + 1500).await, 3, "without a limit, the key means nothing");
}

async fn what_is_held_hinders_nobody_behind_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, rated(LimitKind::RateKey, "r", Rate { count: 1, interval_ms: 60_000, burst: 1 })).await;
    let mut held = Vec::new();
    for number in 0..3000 {
        let (concurrency_key, rate_key) = if number % 2 == 0 { (Some("a"), None) } else { (None, Some("r")) };
        held.push(keyed(&tenant, concurrency_key, rate_key));
    }
    for part in held.chunks(500) {
        tenant.store.submit(part, NOW).await.unwrap();
    }
    let behind = submit(&tenant, Some("b"), None).await;
    let claimed = tenant.claim_at(&bee, 2, NOW).await;
    assert_eq!(claimed.iter().map(|one| one.process_id).collect::<Vec<_>>(), [held[0].process_id, held[1].process_id]);
    assert_eq!(claim(&tenant, &bee).await, [behind]);
}

async fn a_place_that_is_given_back_is_free(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let first = submit(&tenant, Some("a"), None).await;
    let second = submit(&tenant, Some("a"), None).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(lease.process_id, first);
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    assert_eq!(claim(&tenant, &bee).await, [first], "it keeps its place, before the second");
    complete_attempt(&tenant, &bee, first, 2).await;
    assert_eq!(claim(&tenant, &bee).await, [second]);
}

async fn two_claims_at_once_do_not_both_take_the_last_place(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    set(&tenant, limit(LimitKind::ConcurrencyKey, "a", 3)).await;
    set(&tenant, limit(LimitKind::ExecutorType, KIND, 7)).await;
    for number in 0..40 {
        submit(&tenant, Some(if number % 2 == 0 { "a" } else { "b" }), None).await;
    }
    set(&tenant, limit(LimitKind::ConcurrencyKey, "b", 6)).await;
    // Each on a store of its own, like separate brokers.
    let mut claims = JoinSet::new();
    for number in 0..8 {
        let (store, lane) = (tenant.store.clone(), tenant.lane());
        let bee = tenant.bee(&format!("bee-{number}")).await;
        claims.spawn(async move {
            let claims = store.claim(&lane, &[bee.slot(2)], &at(NOW)).await.unwrap();
            claims.claimed.into_iter().map(|one| one.process_id).collect::<Vec<_>>()
        });
    }
    let claimed: Vec<Uuid> = claims.join_all().await.into_iter().flatten().collect();
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), claimed.len(), "nothing twice");
    let uses = uses(&tenant).await;
    let running = |key: &str| uses.iter().find(|one| one.key == key).map_or(0, |one| one.running);
    assert!(running("a") <= 3 && running("b") <= 6 && running(KIND) <= 7, "{uses:?}");
    // Rows locked by another claim are skipped, so that a few may be left for the next claim.
    let bee = tenant.bee("last").await;
    assert_eq!(claimed.len() + claim(&tenant, &bee).await.len(), 7);
}

async fn a_limit_is_replaced_listed_and_removed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let rate = Rate { count: 1, interval_ms: 86_400_000, burst: 1_000_000 };
    let expected = [
        Limit { policy: LimitPolicy::CancelOldest, ..limit(LimitKind::ConcurrencyKey, "B", 1_000_000) },
        limit(LimitKind::ConcurrencyKey, "a", 1),
        Limit { rate: Some(rate), ..limit(LimitKind::Function, "f", 2) },
        rated(LimitKind::RateKey, "*", rate),
    ];
    set(&tenant, limit(LimitKind::Function, "f", 9)).await;
    for limit in expected.iter().rev() {
        set(&tenant, limit.clone()).await;
    }
    let listed = tenant.store.list_limits(tenant.colony.key).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.limit.clone()).collect::<Vec<_>>(), expected);
    assert_eq!((listed[0].by.as_str(), listed[0].set_at_ms), ("ada", NOW));
    assert!(other.store.list_limits(other.colony.key).await.unwrap().is_empty());
    assert!(!other.store.remove_limit(other.colony.key, LimitKind::ConcurrencyKey, "a", None).await.unwrap());
    assert!(tenant.store.remove_limit(tenant.colony.key, LimitKind::ConcurrencyKey, "a", None).await.unwrap());
    assert!(!tenant.store.remove_limit(tenant.colony.key, LimitKind::ConcurrencyKey, "a", None).await.unwrap());
    assert_eq!(tenant.store.list_limits(tenant.colony.key).await.unwrap().len(), 3);
}

async fn a_colony_has_only_so_many_limits(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let colony = tenant.colony.key.0;
    let rows: Vec<String> = (0..1000)
        .map(|number| format!("({colony}, 'function', 'f-{number}', 1, 'queue', 0, 0, 0, 'ada', {NOW})"))
        .collect();
    let columns = "colony, kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms";
    backend.execute(&format!("INSERT INTO limits ({columns}) VALUES {}", rows.join(", "))).await;
    assert!(!try_set(&tenant, limit(LimitKind::Function, "more", 1)).await);
    assert!(try_set(&tenant, limit(LimitKind::Function, "f-7", 5)).await, "what is there can be changed");
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(NewProcess { function: "f-3".to_owned(), ..tenant.process() }).await;
    assert_eq!(claim(&tenant, &bee).await, [process_id]);
}

async fn use_is_counted_by_key(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, rated(LimitKind::RateKey, "r", Rate { count: 1, interval_ms: 1000, burst: 2 })).await;
    set(&tenant, limit(LimitKind::ExecutorType, KIND, 5)).await;
    for _ in 0..3 {
        submit(&tenant, Some("a"), Some("r")).await;
    }
    claim(&tenant, &bee).await;
    let used =
        |kind, key: &str, running, waiting, bucket| LimitUse { kind, key: key.to_owned(), running, waiting, bucket };
    let left = Some(Bucket { tokens: 1.0, filled_at_ms: NOW });
    let expected = [
        used(LimitKind::ConcurrencyKey, "a", 1, 2, None),
        used(LimitKind::ExecutorType, KIND, 1, 2, None),
        used(LimitKind::RateKey, "r", 1, 2, left),
    ];
    assert_eq!(uses(&tenant).await, expected);
}

async fn full_buckets_are_forgotten(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, rated(LimitKind::RateKey, "*", Rate { count: 1, interval_ms: 1000, burst: 2 })).await;
    submit(&tenant, None, Some("one")).await;
    submit(&tenant, None, Some("two")).await;
    submit(&tenant, None, Some("two")).await;
    claim(&tenant, &bee).await;
    assert_eq!(tenant.store.forget_buckets(NOW + 999, 9).await.unwrap(), 0);
    assert_eq!(tenant.store.forget_buckets(NOW + 1000, 9).await.unwrap(), 1);
    assert_eq!(uses(&tenant).await.iter().filter(|one| one.bucket.is_some()).count(), 1);
    assert_eq!(tenant.store.forget_buckets(NOW + 2000, 9).await.unwrap(), 1);
    assert_eq!(tenant.store.forget_buckets(i64::MAX, 9).await.unwrap(), 0);
}

async fn a_limit_that_nobody_put_there_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    submit(&tenant, Some("a"), None).await;
    set(&tenant, limit(LimitKind::ConcurrencyKey, "a", 1)).await;
    for (column, value) in [("kind", "'weather'"), ("policy", "'weather'"), ("running_max", "-1"), ("rate_count", "-1")]
    {
        backend.execute(&format!("UPDATE limits SET {column} = {value}")).await;
        let claimed = tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await.unwrap_err();
        let listed = tenant.store.list_limits(tenant.colony.key).await.unwrap_err();
        for error in [claimed, listed] {
            assert!(matches!(&error, StoreError::Corrupt(words) if words.contains(column)), "{error}");
        }
        backend
            .execute("UPDATE limits SET kind = 'concurrency_key', policy = 'queue', running_max = 1, rate_count = 0")
            .await;
    }
    assert_eq!(claim(&tenant, &bee).await.len(), 1);
}

fn limit(kind: LimitKind, pattern: &str, running_max: i32) -> Limit {
    let policy = LimitPolicy::Queue;
    Limit { kind, pattern: pattern.to_owned(), running_max: Some(running_max), policy, rate: None }
}

fn rated(kind: LimitKind, pattern: &str, rate: Rate) -> Limit {
    Limit { running_max: None, rate: Some(rate), ..limit(kind, pattern, 1) }
}

async fn set(tenant: &Tenant, limit: Limit) {
    assert!(try_set(tenant, limit).await);
}

async fn try_set(tenant: &Tenant, limit: Limit) -> bool {
    let record = LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW };
    tenant.store.set_limit(tenant.colony.key, &record, None).await.unwrap()
}

fn keyed(tenant: &Tenant, concurrency_key: Option<&str>, rate_key: Option<&str>) -> NewProcess {
    let mut process = tenant.process();
    process.concurrency_key = concurrency_key.map(str::to_owned);
    process.rate_key = rate_key.map(str::to_owned);
    process
}

async fn submit(tenant: &Tenant, concurrency_key: Option<&str>, rate_key: Option<&str>) -> Uuid {
    tenant.submit(keyed(tenant, concurrency_key, rate_key)).await
}

async fn claim(tenant: &Tenant, bee: &Bee) -> Vec<Uuid> {
    tenant.claim_at(bee, 99, NOW).await.into_iter().map(|one| one.process_id).collect()
}

async fn complete(tenant: &Tenant, bee: &Bee, process_id: Uuid) {
    complete_attempt(tenant, bee, process_id, 1).await;
}

async fn complete_attempt(tenant: &Tenant, bee: &Bee, process_id: Uuid, attempt: i32) {
    let lease = apiary_store::model::LeaseRef { process_id, attempt, executor: bee.grant };
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
}

async fn uses(tenant: &Tenant) -> Vec<LimitUse> {
    tenant.store.list_limit_uses(tenant.colony.key).await.unwrap()
}
