//! Executors: registrations, last-seen times, announced functions and their statistics.

use std::collections::BTreeSet;

use apiary_identity::{Envelope, Id, KeyPair, Offer, Role};
use apiary_store::model::{
    AnnouncedFunction, ExecutorCursor, ExecutorFilter, ExecutorRecord, ExpiryBounds, FunctionStatistics, LastSeen,
    MinMeanMax, Page, PendingBound, Registration,
};
use apiary_tests::Backend;

use crate::tenant::{ALL, Bee, KIND, NOW, Tenant, completion, grant};

on_each_store!(
    a_registration_replaces_what_was_said_before,
    so_many_strangers_may_wait_and_no_more,
    the_stranger_silent_longest_gives_way,
    strangers_are_forgotten_sooner_than_executors,
    being_turned_down_stays_until_a_grant_comes,
    a_grant_makes_its_executor_known_until_it_says_more,
    the_later_moment_counts_as_heard,
    executors_not_heard_for_long_are_forgotten_and_those_never_heard_stay,
    executors_are_listed_in_pages_with_what_they_run,
    a_drain_is_seen_and_lifted,
    a_colony_sees_only_its_own_executors,
    functions_are_counted_with_their_waits_and_runs,
);

/// Time without contact after which a pending executor may be displaced by a new one.
const SILENT_MS: i64 = 600_000;

fn registration(key: Id, name: &str, functions: &[&str]) -> Registration {
    let announced = |name: &&str| AnnouncedFunction {
        name: (*name).to_owned(),
        description: "does it".to_owned(),
        args_schema: "{}".to_owned(),
    };
    Registration {
        key,
        executor_type: KIND.to_owned(),
        name: name.to_owned(),
        offer: Offer {
            location: Some("attic".to_owned()),
            tags: BTreeSet::from(["warm".to_owned()]),
            ..Offer::default()
        },
        functions: functions.iter().map(announced).collect(),
        version: "1.0".to_owned(),
        slots: Some(8),
        is_granted: false,
    }
}

fn contact(tenant: &Tenant, key: Id, executor_type: &str, last_heard_ms: i64) -> LastSeen {
    LastSeen {
        colony: tenant.colony.key,
        key,
        executor_type: executor_type.to_owned(),
        name: "bee".to_owned(),
        last_heard_ms,
        offer: None,
    }
}

async fn all(tenant: &Tenant) -> Vec<ExecutorRecord> {
    page(tenant, &ExecutorFilter::default(), ALL, None).await
}

async fn page(tenant: &Tenant, filter: &ExecutorFilter, size: i64, after: Option<i64>) -> Vec<ExecutorRecord> {
    let page = Page { size, after: after.map(ExecutorCursor) };
    tenant.store.list_executors(tenant.colony.key, filter, page, NOW).await.unwrap()
}

async fn register(tenant: &Tenant, registration: &Registration, count_max: i64, now_ms: i64) -> bool {
    let room = PendingBound { count_max, gives_way_before_ms: now_ms - SILENT_MS };
    tenant.store.register_executor(tenant.colony.key, registration, room, now_ms, None).await.unwrap()
}

async fn add_executor(tenant: &Tenant, key: &KeyPair, name: &str) {
    let signed = grant(&tenant.key, key, Role::Executor, name);
    let envelope = Envelope::seal(&tenant.key, &signed).unwrap();
    tenant.store.add_grant(&tenant.colony, &signed, &envelope, NOW, None).await.unwrap();
}

async fn key_of(tenant: &Tenant, bee: &Bee) -> Id {
    let stored = tenant.store.grants_by_key(&[bee.grant]).await.unwrap();
    Id::from_slice(&stored[0].grantee).unwrap()
}

async fn a_registration_replaces_what_was_said_before(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate().id();
    assert!(register(&tenant, &registration(key, "bee", &["f", "g"]), 10, NOW).await);
    let second = Registration { version: "1.1\u{2028}".to_owned(), ..registration(key, "wasp", &["h"]) };
    assert!(register(&tenant, &second, 10, NOW + 5).await);
    let known = all(&tenant).await;
    assert_eq!(known.len(), 1);
    let one = &known[0];
    assert_eq!((one.name.as_str(), one.version.as_str(), one.key), ("wasp", "1.1\u{2028}", key));
    assert_eq!(one.slots, Some(8));
    assert_eq!((one.registered_at_ms, one.last_heard_ms), (Some(NOW + 5), Some(NOW + 5)));
    assert_eq!((&one.offer, &one.functions), (&second.offer, &second.functions));
    assert_eq!((one.running, one.rejected_at_ms, one.drained_at_ms), (0, None, None));
}

async fn so_many_strangers_may_wait_and_no_more(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let keys = [(); 4].map(|()| KeyPair::generate());
    assert!(register(&tenant, &registration(keys[0].id(), "a", &[]), 2, NOW).await);
    assert!(register(&tenant, &registration(keys[1].id(), "b", &[]), 2, NOW).await);
    assert!(!register(&tenant, &registration(keys[2].id(), "c", &[]), 2, NOW).await, "two wait");
    assert!(register(&tenant, &registration(keys[1].id(), "b", &[]), 2, NOW).await, "it waits already");
    let granted = Registration { is_granted: true, ..registration(keys[3].id(), "d", &[]) };
    assert!(register(&tenant, &granted, 2, NOW).await, "the bound is for strangers");
    // Approval and rejection make room; other colonies have bounds of their own.
    add_executor(&tenant, &keys[3], "d").await;
    add_executor(&tenant, &keys[0], "a").await;
    assert!(register(&tenant, &registration(keys[2].id(), "c", &[]), 2, NOW).await);
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    assert!(register(&other, &registration(keys[0].id(), "a", &[]), 1, NOW).await);
}

async fn the_stranger_silent_longest_gives_way(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let keys = [(); 6].map(|()| KeyPair::generate());
    let stranger = |at: usize| registration(keys[at].id(), &format!("bee-{at}"), &[]);
    let later = NOW + SILENT_MS;
    // Neither an approved nor a rejected executor is displaced, although both are silent.
    add_executor(&tenant, &keys[4], "granted").await;
    assert!(register(&tenant, &Registration { is_granted: true, ..stranger(4) }, 2, NOW - 9).await);
    assert!(register(&tenant, &stranger(5), 2, NOW - 8).await);
    assert!(tenant.store.reject_executor(tenant.colony.key, &keys[5].id(), NOW, None).await.unwrap());
    for at in [1, 0] {
        assert!(register(&tenant, &stranger(at), 2, NOW + i64::try_from(at).unwrap()).await);
    }
    assert!(!register(&tenant, &stranger(2), 2, later).await, "the others were heard not long ago");
    assert!(register(&tenant, &stranger(2), 2, later + 1).await);
    let pending = async || {
        let mut names: Vec<_> = all(&tenant).await.into_iter().map(|one| one.name).collect();
        names.sort();
        names
    };
    assert_eq!(pending().await, ["bee-1", "bee-2", "bee-4", "bee-5"], "bee-0 was silent longest");
    // An executor that already waits displaces no other, nor does one with a grant.
    assert!(register(&tenant, &stranger(1), 2, later + 5).await);
    assert!(register(&tenant, &Registration { is_granted: true, ..stranger(4) }, 2, NOW * 2).await);
    assert_eq!(pending().await.len(), 4);
    assert!(!register(&tenant, &stranger(3), 2, later + 6).await);
    assert_eq!(pending().await.len(), 4, "nobody goes for one that is refused");
}

async fn strangers_are_forgotten_sooner_than_executors(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let keys = [(); 4].map(|()| KeyPair::generate());
    add_executor(&tenant, &keys[0], "granted").await;
    register(&tenant, &Registration { is_granted: true, ..registration(keys[0].id(), "granted", &[]) }, 9, NOW).await;
    for (at, name, heard_ms) in [(1, "stale", NOW), (2, "rejected", NOW), (3, "recent", NOW + 1)] {
        register(&tenant, &registration(keys[at].id(), name, &[]), 9, heard_ms).await;
    }
    tenant.store.reject_executor(tenant.colony.key, &keys[2].id(), NOW, None).await.unwrap();
    let which = ExpiryBounds { before_ms: NOW, pending_before_ms: NOW + 1 };
    assert_eq!(tenant.store.forget_executors(which, 10).await.unwrap(), 1);
    let mut left: Vec<_> = all(&tenant).await.into_iter().map(|one| one.name).collect();
    left.sort();
    assert_eq!(left, ["granted", "recent", "rejected"]);
}

async fn being_turned_down_stays_until_a_grant_comes(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate();
    let (store, colony) = (&tenant.store, tenant.colony.key);
    assert!(!store.reject_executor(colony, &key.id(), NOW, None).await.unwrap(), "nobody knows it");
    register(&tenant, &registration(key.id(), "bee", &[]), 10, NOW).await;
    assert!(store.reject_executor(colony, &key.id(), NOW + 1, None).await.unwrap());
    register(&tenant, &registration(key.id(), "bee", &[]), 10, NOW + 2).await;
    assert_eq!(all(&tenant).await[0].rejected_at_ms, Some(NOW + 1));
    add_executor(&tenant, &key, "bee-1").await;
    let known = all(&tenant).await;
    assert_eq!((known[0].rejected_at_ms, known[0].name.as_str(), known.len()), (None, "bee-1", 1));
    assert!(!store.reject_executor(colony, &key.id(), NOW + 3, None).await.unwrap(), "it is approved");
}

async fn a_grant_makes_its_executor_known_until_it_says_more(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let key = key_of(&tenant, &bee).await;
    let known = all(&tenant).await;
    assert_eq!((known.len(), known[0].executor_type.as_str(), known[0].key), (1, "", key), "users are no executors");
    tenant.store.record_last_seen(&[contact(&tenant, key, "t", NOW), contact(&tenant, key, "u", NOW)]).await.unwrap();
    let types: Vec<_> = all(&tenant).await.into_iter().map(|one| one.executor_type).collect();
    assert_eq!(types, ["t", "u"]);
}

async fn the_later_moment_counts_as_heard(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let key = KeyPair::generate().id();
    let offer = Offer { gpus: Some(2), ..Offer::default() };
    let with_offer = LastSeen { offer: Some(offer.clone()), ..contact(&tenant, key, "t", NOW + 10) };
    for contact in [contact(&tenant, key, "t", NOW), with_offer, contact(&tenant, key, "t", NOW + 5)] {
        tenant.store.record_last_seen(&[contact]).await.unwrap();
    }
    tenant.store.record_last_seen(&[]).await.unwrap();
    let known = all(&tenant).await;
    assert_eq!((known.len(), known[0].last_heard_ms, &known[0].offer), (1, Some(NOW + 10), &offer));
    assert_eq!(known[0].registered_at_ms, None);
}

// Case 42.
async fn executors_not_heard_for_long_are_forgotten_and_those_never_heard_stay(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    tenant.bee("never-heard").await;
    let [stale, recent, rejected] = [(); 3].map(|()| KeyPair::generate().id());
    let heard = [contact(&tenant, stale, "stale", NOW - 1), contact(&tenant, recent, "recent", NOW)];
    tenant.store.record_last_seen(&heard).await.unwrap();
    register(&tenant, &registration(rejected, "rejected", &[]), 10, NOW - 5).await;
    tenant.store.reject_executor(tenant.colony.key, &rejected, NOW - 5, None).await.unwrap();
    let which = ExpiryBounds { before_ms: NOW, pending_before_ms: NOW };
    assert_eq!(tenant.store.forget_executors(which, 10).await.unwrap(), 1);
    assert_eq!(tenant.store.forget_executors(which, 10).await.unwrap(), 0);
    let left: Vec<_> = all(&tenant).await.into_iter().map(|one| one.key).collect();
    assert!(
        left.contains(&recent) && left.contains(&rejected) && !left.contains(&stale) && left.len() == 3,
        "{left:?}"
    );
}

async fn executors_are_listed_in_pages_with_what_they_run(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let key = key_of(&tenant, &bee).await;
    tenant
        .store
        .record_last_seen(&[contact(&tenant, key, KIND, NOW), contact(&tenant, key, "other", NOW)])
        .await
        .unwrap();
    for _ in 0..2 {
        tenant.submit(tenant.process()).await;
        tenant.claim_one(&bee, NOW).await;
    }
    let first = page(&tenant, &ExecutorFilter::default(), 1, None).await;
    assert_eq!((first.len(), first[0].executor_type.as_str(), first[0].running), (1, KIND, 2));
    let second = page(&tenant, &ExecutorFilter::default(), 1, Some(first[0].number)).await;
    assert_eq!((second.len(), second[0].executor_type.as_str(), second[0].running), (1, "other", 0));
    assert!(page(&tenant, &ExecutorFilter::default(), 1, Some(second[0].number)).await.is_empty());
    let of = |executor_type: Option<&str>, name: Option<&str>, key| ExecutorFilter {
        executor_type: executor_type.map(str::to_owned),
        name: name.map(str::to_owned),
        key,
    };
    for (filter, count) in [
        (of(Some(KIND), None, None), 1),
        (of(None, Some("bee"), None), 2),
        (of(None, Some("wasp"), None), 0),
        (of(None, None, Some(key)), 2),
        (of(Some("other"), Some("bee"), Some(key)), 1),
    ] {
        assert_eq!(page(&tenant, &filter, ALL, None).await.len(), count, "{filter:?}");
    }
    // A lease that has ended does not count as running, swept or not.
    let (all, first) = (ExecutorFilter::default(), Page { size: 1, after: None });
    let later = tenant.store.list_executors(tenant.colony.key, &all, first, NOW * 2).await.unwrap();
    assert_eq!(later[0].running, 0);
}

async fn a_drain_is_seen_and_lifted(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    tenant.bee("bee").await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    store.drain_executor(colony, "bee", "ada", NOW, None).await.unwrap();
    store.drain_executor(colony, "bee", "eve", NOW + 1, None).await.unwrap();
    assert_eq!(all(&tenant).await[0].drained_at_ms, Some(NOW));
    store.undrain_executor(colony, "bee", None).await.unwrap();
    store.undrain_executor(colony, "bee", None).await.unwrap();
    assert_eq!(all(&tenant).await[0].drained_at_ms, None);
}

async fn a_colony_sees_only_its_own_executors(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let key = KeyPair::generate();
    register(&other, &registration(key.id(), "bee", &["f"]), 10, NOW).await;
    let announced = other.store.list_functions(other.colony.key, None, ALL).await.unwrap();
    assert!(announced.is_empty(), "whoever has no grant announces nothing");
    add_executor(&other, &key, "bee").await;
    assert!(all(&tenant).await.is_empty());
    assert!(tenant.store.list_functions(tenant.colony.key, None, ALL).await.unwrap().is_empty());
    assert!(!tenant.store.reject_executor(tenant.colony.key, &key.id(), NOW, None).await.unwrap());
    assert!(tenant.store.grants_of_keys(&tenant.colony, &[other.user_key.id()]).await.unwrap().is_empty());
    let announced = other.store.list_functions(other.colony.key, Some(KIND), ALL).await.unwrap();
    assert_eq!((announced.len(), announced[0].functions[0].name.as_str(), announced[0].key), (1, "f", key.id()));
    assert!(other.store.list_functions(other.colony.key, Some("absent"), ALL).await.unwrap().is_empty());
}

// Cases 34, 37.
async fn functions_are_counted_with_their_waits_and_runs(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for (wait_ms, run_ms) in [(100, 10), (300, 50)] {
        tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, NOW + wait_ms).await;
        tenant.store.complete(&[completion(lease, "{}")], NOW + wait_ms + run_ms).await.unwrap();
    }
    let mut expiring = tenant.process();
    (expiring.function, expiring.max_wait_ms) = ("unclaimed".to_owned(), 1000);
    tenant.submit(expiring).await;
    tenant.store.expire_waiting(NOW + 1000, 10).await.unwrap();
    let mut failing = tenant.process();
    failing.executor_type = "another".to_owned();
    tenant.submit(failing).await;
    let statistics = async |executor_type: Option<&str>, since_ms, processes_max| {
        tenant.store.function_statistics(tenant.colony.key, executor_type, since_ms, processes_max, 10).await.unwrap()
    };
    let spread = |min, mean, max| MinMeanMax { min: Some(min), mean: Some(mean), max: Some(max) };
    let claimed = FunctionStatistics {
        executor_type: KIND.to_owned(),
        function: "validate_revenue".to_owned(),
        count: 2,
        succeeded: 2,
        wait_ms: spread(100, 200, 300),
        run_ms: spread(10, 30, 50),
        is_cut: false,
    };
    let unclaimed = FunctionStatistics {
        executor_type: KIND.to_owned(),
        function: "unclaimed".to_owned(),
        count: 1,
        succeeded: 0,
        wait_ms: MinMeanMax::default(),
        run_ms: MinMeanMax::default(),
        is_cut: false,
    };
    assert_eq!(statistics(None, NOW, ALL).await, [unclaimed.clone(), claimed]);
    assert_eq!(
        statistics(Some(KIND), NOW, 1).await,
        [FunctionStatistics { is_cut: true, ..unclaimed }],
        "of the last one"
    );
    assert!(statistics(Some("another"), NOW, ALL).await.is_empty(), "it waits");
    assert!(statistics(None, NOW + 2000, ALL).await.is_empty());
}
