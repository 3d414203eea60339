//! Colonies: created once, found by their key, counted.

use apiary_identity::{Envelope, Guard, KeyPair};
use apiary_store::StoreError;
use apiary_store::model::ProcessState;
use apiary_tests::Backend;

use crate::tenant::{NOW, Tenant, completion};

on_each_store!(
    a_colony_is_created_once,
    colonies_are_listed_in_the_order_of_their_creation,
    a_name_belongs_to_one_key_and_a_key_to_one_name,
    many_that_create_the_same_colony_at_once_get_the_same,
    states_are_counted_for_each_colony_alone,
    rules_are_replaced_by_newer_ones_only,
    of_many_rules_set_at_once_the_newest_stays,
);

async fn a_colony_is_created_once(backend: Backend) {
    let store = backend.open().await;
    let id = KeyPair::generate().id();
    assert_eq!(store.get_colony(&id).await.unwrap(), None);
    let created = store.create_colony(&id, "meadow", NOW, None).await.unwrap();
    assert_eq!((created.id, created.name.as_str(), created.created_at_ms), (id, "meadow", NOW));
    assert_eq!(store.create_colony(&id, "meadow", NOW + 5, None).await.unwrap(), created);
    assert_eq!(store.get_colony(&id).await.unwrap(), Some(created));
}

async fn colonies_are_listed_in_the_order_of_their_creation(backend: Backend) {
    let store = backend.open().await;
    assert_eq!(store.list_colonies(10).await.unwrap(), []);
    let mut created = Vec::new();
    for name in ["orchard", "meadow", "heath"] {
        created.push(store.create_colony(&KeyPair::generate().id(), name, NOW, None).await.unwrap());
    }
    assert_eq!(store.list_colonies(10).await.unwrap(), created);
    assert_eq!(store.list_colonies(2).await.unwrap(), created[..2]);
}

async fn a_name_belongs_to_one_key_and_a_key_to_one_name(backend: Backend) {
    let store = backend.open().await;
    let (first, second) = (KeyPair::generate().id(), KeyPair::generate().id());
    store.create_colony(&first, "meadow", NOW, None).await.unwrap();
    for (id, name) in [(&first, "orchard"), (&second, "meadow")] {
        let refused = store.create_colony(id, name, NOW, None).await.unwrap_err();
        assert!(matches!(refused, StoreError::Taken(_)), "{refused}");
        assert!(refused.to_string().contains("meadow"), "{refused}");
    }
    assert_eq!(store.get_colony(&second).await.unwrap(), None);
}

async fn many_that_create_the_same_colony_at_once_get_the_same(backend: Backend) {
    let store = backend.open().await;
    let id = KeyPair::generate().id();
    let creations = (0..20).map(|_| store.create_colony(&id, "meadow", NOW, None));
    let created = futures::future::try_join_all(creations).await.unwrap();
    assert!(created.iter().all(|colony| colony.key == created[0].key));
}

async fn states_are_counted_for_each_colony_alone(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    assert_eq!(tenant.store.count_states(Some(tenant.colony.key)).await.unwrap(), []);
    for _ in 0..3 {
        tenant.submit(tenant.process()).await;
    }
    let mut later = tenant.process();
    later.not_before_ms = Some(NOW + 1);
    tenant.submit(later).await;
    other.submit(other.process()).await;
    let bee = tenant.bee("bee").await;
    let claimed = tenant.claim_at(&bee, 2, NOW).await;
    tenant.store.complete(&[completion(bee.lease(&claimed[0]), "{}")], NOW).await.unwrap();

    let mut counts = tenant.store.count_states(Some(tenant.colony.key)).await.unwrap();
    counts.sort_by_key(|(state, _)| state.as_str());
    let expected =
        [ProcessState::Blocked, ProcessState::Running, ProcessState::Succeeded, ProcessState::Waiting].map(|s| (s, 1));
    assert_eq!(counts, expected);
    assert_eq!(other.store.count_states(Some(other.colony.key)).await.unwrap(), [(ProcessState::Waiting, 1)]);
    let mut all = other.store.count_states(None).await.unwrap();
    all.sort_by_key(|(state, _)| state.as_str());
    let both = expected.map(|(state, count)| (state, if state == ProcessState::Waiting { 2 } else { count }));
    assert_eq!(all, both);
}

/// Creates a colony with its key, which signs rules.
async fn ruled(backend: &Backend) -> (std::sync::Arc<dyn apiary_store::Store>, apiary_store::model::Colony, KeyPair) {
    let (store, key) = (backend.open().await, KeyPair::generate());
    let colony = store.create_colony(&key.id(), "meadow", NOW, None).await.unwrap();
    (store, colony, key)
}

fn guard(key: &KeyPair, version: i64) -> Envelope {
    let guard = Guard { colony: key.id(), version, made_at: jiff::Timestamp::UNIX_EPOCH, rules: Vec::new() };
    Envelope::seal(key, &guard).unwrap()
}

async fn rules_are_replaced_by_newer_ones_only(backend: Backend) {
    let (store, colony, key) = ruled(&backend).await;
    assert_eq!(store.get_guard(&colony).await.unwrap(), None);
    let (second, third) = (guard(&key, 2), guard(&key, 3));
    for (version, rules) in [(2, &second), (2, &second), (3, &third)] {
        store.set_guard(&colony, version, rules, None).await.unwrap();
        assert_eq!(store.get_guard(&colony).await.unwrap().as_ref(), Some(rules));
    }
    let other = Guard {
        colony: key.id(),
        version: 3,
        made_at: jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1),
        rules: Vec::new(),
    };
    for (version, rules) in [(2, second), (3, Envelope::seal(&key, &other).unwrap())] {
        let refused = store.set_guard(&colony, version, &rules, None).await.unwrap_err();
        assert!(matches!(refused, StoreError::Taken(_)), "{refused}");
    }
    assert_eq!(store.get_guard(&colony).await.unwrap(), Some(third));
    let stranger = KeyPair::generate();
    store.set_guard(&colony, 4, &guard(&stranger, 4), None).await.unwrap();
    let refused = store.get_guard(&colony).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "what the colony did not sign is not handed out: {refused}");
}

async fn of_many_rules_set_at_once_the_newest_stays(backend: Backend) {
    let (store, colony, key) = ruled(&backend).await;
    let rules: Vec<(i64, Envelope)> = (1..=10).map(|version| (version, guard(&key, version))).collect();
    let set = rules.iter().map(|(version, rules)| store.set_guard(&colony, *version, rules, None));
    let answers = futures::future::join_all(set).await;
    assert!(answers[9].is_ok());
    assert_eq!(store.get_guard(&colony).await.unwrap().as_ref(), Some(&rules[9].1));
}
