//! Classes of events, each with a bound of its own, and the networks of keys, which are one of them.

use apiary_identity::{Id, KeyPair};
use apiary_protocol::EventKind;
use apiary_store::limits::KEY_NETWORKS_MAX;
use apiary_store::model::{EventBounds, EventCounts, KeyNetwork, NewEvent};
use apiary_tests::Backend;

use crate::events::{all, event, kinds};
use crate::tenant::{NOW, Tenant};

on_each_store!(
    no_class_pushes_out_another,
    a_new_network_of_a_key_makes_one_event,
    a_key_with_many_networks_keeps_the_last,
    a_stream_of_before_the_classes_is_sorted_into_them,
);

/// The tables of events as they were before the classes, in Postgres and SQLite.
const BEFORE: [&str; 2] = [
    include_str!("../../broker/store-postgres/src/migrations/0003_events.sql"),
    include_str!("../../broker/store-sqlite/src/migrations/0006_events.sql"),
];

async fn no_class_pushes_out_another(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let others = [EventKind::PauseAdded, EventKind::RefusedScope, EventKind::ExecutorAsked, EventKind::KeyNewAddress];
    for kind in [EventKind::ColonyCreated, EventKind::GrantAdded, EventKind::GrantRevoked, EventKind::GuardSet] {
        store.add_events(colony, &[event(kind)]).await.unwrap();
    }
    for kind in others {
        store.add_events(colony, &vec![event(kind); 10]).await.unwrap();
    }
    let bounds = EventBounds { most: EventCounts([5, 4, 4, 3, 2]), before_ms: i64::MIN, rows_max: 100 };
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 5 + 6 + 7 + 8);
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 0);
    let told = kinds(&all(store, colony).await);
    assert_eq!(told[..4], ["colony.created", "grant.added", "grant.revoked", "guard.set"]);
    let count = |kind: EventKind| told.iter().filter(|word| *word == kind.as_str()).count();
    assert_eq!(others.map(count), [5, 4, 3, 2]);
}

async fn a_new_network_of_a_key_makes_one_event(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let (ada, grace) = (KeyPair::generate().id(), KeyPair::generate().id());
    let add = async |key, network: &str| {
        let event = NewEvent { subject: network.to_owned(), ..event(EventKind::KeyNewAddress) };
        store.add_key_network(colony, &key_network(key, network, NOW), &event).await.unwrap()
    };
    assert!(add(ada, "203.0.113.0/24").await && add(grace, "203.0.113.0/24").await);
    assert_eq!(all(store, colony).await.events, [], "the first network of a key is no news");
    assert!(!add(ada, "203.0.113.0/24").await);
    for is_new in [true, false] {
        assert_eq!(add(ada, "198.51.100.0/24").await, is_new);
    }
    let told = all(store, colony).await;
    let subjects: Vec<&str> = told.events.iter().map(|stored| stored.event.subject.as_str()).collect();
    assert_eq!((kinds(&told), subjects), (vec!["key.new_address".to_owned()], vec!["198.51.100.0/24"]));
}

async fn a_key_with_many_networks_keeps_the_last(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, key) = (&tenant.store, tenant.colony.key, KeyPair::generate().id());
    let add = async |number: i64| {
        let network = key_network(key, &format!("10.0.{number}.0/24"), NOW + number);
        store.add_key_network(colony, &network, &event(EventKind::KeyNewAddress)).await.unwrap()
    };
    for number in 0..=KEY_NETWORKS_MAX {
        assert!(add(number).await);
    }
    assert!(!add(1).await && !add(KEY_NETWORKS_MAX).await);
    assert!(add(0).await, "the first was forgotten");
}

async fn a_stream_of_before_the_classes_is_sorted_into_them(backend: Backend) {
    let (colony, quiet) = {
        let tenant = Tenant::on(&backend).await;
        let other = Tenant::in_store(&tenant.store, "other").await;
        (tenant.colony.key, other.colony.key)
    };
    let is_postgres = backend.kind() == "postgres";
    let (before, [yes, no]) = match is_postgres {
        true => (BEFORE[0], ["true", "false"]),
        false => (BEFORE[1], ["1", "0"]),
    };
    backend.execute("DROP TABLE events; DROP TABLE event_heads; DROP TABLE key_networks").await;
    backend.execute(before).await;
    backend.execute("DELETE FROM migrations WHERE description = 'event classes'").await;
    let stored = [
        ("colony.created", no),
        ("grant.added", no),
        ("refused.scope", yes),
        ("pause.added", no),
        ("executor.registered", no),
        ("guard.set", no),
        ("refused.rate", yes),
    ];
    for (place, (kind, is_refusal)) in stored.iter().enumerate() {
        let row = format!(
            "INSERT INTO events (colony, position, time_ms, count, is_refusal, is_proven, kind, method, reason, name, address, \
             function, request_id, subject, detail) \
             VALUES ({}, {}, {NOW}, 1, {is_refusal}, {yes}, '{kind}', '', '', '', '', '', '', '', '')",
            colony.0,
            place + 1
        );
        backend.execute(&row).await;
    }
    backend.execute(&format!("INSERT INTO event_heads VALUES ({}, 7, 5, 2), ({}, 0, 0, 0)", colony.0, quiet.0)).await;

    let store = backend.open().await;
    store.check_schema().await.unwrap();
    assert_eq!(kinds(&all(&store, colony).await), stored.map(|(kind, _)| kind));
    for (column, count) in EventCounts::COLUMNS.into_iter().zip([2, 2, 3, 0, 0]) {
        let counted = format!("SELECT {column} FROM event_heads WHERE colony = {}", colony.0);
        assert_eq!(backend.number(&counted).await, count, "{column}");
    }
    // The stream goes on, and each class has its own bound from now on.
    store.add_events(colony, &[event(EventKind::ExecutorAsked), event(EventKind::RefusedScope)]).await.unwrap();
    store.add_events(quiet, &[event(EventKind::GrantAdded)]).await.unwrap();
    let bounds = EventBounds { most: EventCounts([2, 1, 2, 1, 1]), before_ms: i64::MIN, rows_max: 100 };
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 3);
    let told = kinds(&all(&store, colony).await);
    let left = ["grant.added", "pause.added", "executor.registered", "guard.set", "executor.asked", "refused.scope"];
    assert_eq!(told, left);
    assert_eq!(kinds(&all(&store, quiet).await), ["grant.added"]);
}

fn key_network(key: Id, network: &str, seen_ms: i64) -> KeyNetwork {
    KeyNetwork { key, network: network.to_owned(), seen_ms }
}
