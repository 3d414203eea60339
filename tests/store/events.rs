//! Streams of events: one event for each change, in the order of the commits, read without a gap, and bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_identity::{Envelope, Guard, Id, KeyPair, Revocation, Role};
use apiary_protocol::EventKind;
use apiary_store::Store;
use apiary_store::model::{
    Bulk, BulkAction, BulkState, BulkStep, Cancel, ColonyKey, Effect, Event, EventBounds, EventCounts, EventFilter,
    EventOrder, EventPage, LastSeen, Limit, LimitKind, LimitPolicy, LimitRecord, NewEvent, NewProcess, Pause,
    PauseKind, PauseTarget, PendingBound, ProcessCursor, ProcessFilter, Registration,
};
use apiary_tests::Backend;
use jiff::Timestamp;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant, grant};

on_each_store!(
    a_change_makes_one_event_and_a_repeat_makes_none,
    a_change_of_executors_makes_one_event_and_a_repeat_makes_none,
    a_bulk_action_makes_an_event_at_each_turn,
    an_operation_makes_an_event_for_each_process_it_changed,
    a_change_that_is_refused_leaves_no_event,
    a_reader_misses_nothing_while_others_commit,
    an_executor_that_claimed_first_registers_for_the_first_time,
    a_page_says_where_the_stream_ends,
    brokers_that_delete_at_once_delete_no_more_than_one,
    an_event_of_the_future_does_not_keep_older_ones,
    colonies_have_streams_of_their_own,
    events_are_found_by_each_field,
    a_page_reads_a_bounded_number_of_events,
    the_oldest_events_leave_by_count_and_by_age,
    text_is_cut_and_nul_replaced,
    a_kind_of_a_newer_broker_is_passed_on,
);

async fn a_change_makes_one_event_and_a_repeat_makes_none(backend: Backend) {
    let (store, key) = (backend.open().await, KeyPair::generate());
    let create =
        || async { store.create_colony(&key.id(), "meadow", NOW, of(EventKind::ColonyCreated)).await.unwrap() };
    let (colony, _) = (create().await, create().await);
    let granted = grant(&key, &KeyPair::generate(), Role::User, "ada");
    let signed = Envelope::seal(&key, &granted).unwrap();
    let revocation = Revocation {
        colony: key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: Some(granted.grant_id),
        key: None,
        from: Timestamp::from_millisecond(NOW).unwrap(),
        reason: None,
    };
    let revoked = Envelope::seal(&key, &revocation).unwrap();
    let nobody = Revocation {
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(KeyPair::generate().id()),
        ..revocation.clone()
    };
    let none_revoked = Envelope::seal(&key, &nobody).unwrap();
    let guard = Guard { colony: key.id(), version: 2, made_at: Timestamp::UNIX_EPOCH, rules: Vec::new() };
    let rules = Envelope::seal(&key, &guard).unwrap();
    let pause = Pause { what: everything(), by: "ada".to_owned(), reason: String::new(), since_ms: NOW };
    for _ in 0..2 {
        store.add_grant(&colony, &granted, &signed, NOW, of(EventKind::GrantAdded)).await.unwrap();
        store.revoke_grant(&colony, &revocation, &revoked, NOW, of(EventKind::GrantRevoked)).await.unwrap();
        let none = store.revoke_grant(&colony, &nobody, &none_revoked, NOW, of(EventKind::GrantRevoked)).await.unwrap();
        assert!(none.is_empty(), "it names no grant, and is an event all the same");
        store.set_guard(&colony, 2, &rules, of(EventKind::GuardSet)).await.unwrap();
    }
    for _ in 0..2 {
        store.pause(colony.key, &pause, of(EventKind::PauseAdded)).await.unwrap();
    }
    for _ in 0..2 {
        store.resume(colony.key, &everything(), NOW, of(EventKind::PauseRemoved)).await.unwrap();
    }
    store.set_limit(colony.key, &limit(), of(EventKind::LimitSet)).await.unwrap();
    for _ in 0..2 {
        store.remove_limit(colony.key, LimitKind::Function, "f", of(EventKind::LimitRemoved)).await.unwrap();
    }
    let told = all(&store, colony.key).await;
    let expected = [
        EventKind::ColonyCreated,
        EventKind::GrantAdded,
        EventKind::GrantRevoked,
        EventKind::GrantRevoked,
        EventKind::GuardSet,
        EventKind::PauseAdded,
        EventKind::PauseRemoved,
        EventKind::LimitSet,
        EventKind::LimitRemoved,
    ];
    assert_eq!(kinds(&told), words(&expected));
    let positions: Vec<i64> = told.events.iter().map(|stored| stored.position).collect();
    assert_eq!(positions, (1..=9).collect::<Vec<_>>());
    assert_eq!((told.next, store.last_event(colony.key).await.unwrap()), (9, 9));
    assert!(!told.is_more);
}

async fn a_change_of_executors_makes_one_event_and_a_repeat_makes_none(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, key) = (&tenant.store, tenant.colony.key, KeyPair::generate().id());
    let room = PendingBound { count_max: 1, gives_way_before_ms: 0 };
    for _ in 0..2 {
        let registered = of(EventKind::ExecutorRegistered);
        store.register_executor(colony, &registration(key), room, NOW, registered).await.unwrap();
    }
    let other = registration(KeyPair::generate().id());
    assert!(!store.register_executor(colony, &other, room, NOW, of(EventKind::ExecutorRegistered)).await.unwrap());
    for later_ms in [1, 2] {
        assert!(store.reject_executor(colony, &key, NOW + later_ms, of(EventKind::ExecutorRejected)).await.unwrap());
    }
    for _ in 0..2 {
        store.drain_executor(colony, "bee", "ada", NOW, of(EventKind::ExecutorDrained)).await.unwrap();
    }
    for _ in 0..2 {
        store.undrain_executor(colony, "bee", of(EventKind::ExecutorUndrained)).await.unwrap();
    }
    let expected = [
        EventKind::ExecutorRegistered,
        EventKind::ExecutorRejected,
        EventKind::ExecutorDrained,
        EventKind::ExecutorUndrained,
    ];
    assert_eq!(kinds(&all(store, colony).await), words(&expected));
}

async fn a_bulk_action_makes_an_event_at_each_turn(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, broker) = (&tenant.store, tenant.colony.key, Uuid::now_v7());
    let bulk = bulk(colony);
    for _ in 0..2 {
        store.start_bulk(&bulk, 20, 1000, of(EventKind::BulkStarted)).await.unwrap();
    }
    for (wanted, kind) in [(BulkState::Stopped, EventKind::BulkStopped), (BulkState::Running, EventKind::BulkResumed)] {
        for _ in 0..2 {
            store.stop_bulk(colony, bulk.bulk_id, wanted, NOW, of(kind)).await.unwrap();
        }
    }
    store.hold_bulk(broker, NOW, NOW + 10_000).await.unwrap().unwrap();
    for finished_at_ms in [None, Some(NOW)] {
        let after = ProcessCursor { submitted_at_ms: NOW, process_id: Uuid::nil() };
        let step = BulkStep { changed: 1, skipped: 0, after, held_until_ms: NOW + 10_000, finished_at_ms };
        store.advance_bulk(colony, bulk.bulk_id, broker, &step, of(EventKind::BulkFinished)).await.unwrap();
    }
    let expected = [EventKind::BulkStarted, EventKind::BulkStopped, EventKind::BulkResumed, EventKind::BulkFinished];
    assert_eq!(kinds(&all(store, colony).await), words(&expected));
}

async fn an_operation_makes_an_event_for_each_process_it_changed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let mut ids = Vec::new();
    for function in ["charge", "ship"] {
        ids.push(tenant.submit(NewProcess { function: function.to_owned(), ..tenant.process() }).await);
    }
    let asked = [ids[1], Uuid::now_v7(), ids[0]];
    let cancel = Cancel { deadline_ms: NOW, reason: String::new(), by: "ada".to_owned() };
    let event = NewEvent { detail: "no use".to_owned(), ..event(EventKind::ProcessCancelled) };
    for _ in 0..2 {
        store.cancel(colony, &asked, &cancel, NOW, Some(&event)).await.unwrap();
    }
    // Without an event, as the steps of a bulk action are.
    assert_eq!(store.delete(colony, &ids[..1], None).await.unwrap(), [Effect::Changed]);
    let told = all(store, colony).await;
    let told: Vec<_> = told
        .events
        .iter()
        .map(|stored| (stored.event.process_id, stored.event.function.as_str(), stored.event.detail.as_str()))
        .collect();
    assert_eq!(told, [(Some(ids[1]), "ship", "no use"), (Some(ids[0]), "charge", "no use")]);
}

async fn a_change_that_is_refused_leaves_no_event(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, &tenant.colony);
    let guard = |version| {
        let guard = Guard { colony: tenant.key.id(), version, made_at: Timestamp::UNIX_EPOCH, rules: Vec::new() };
        Envelope::seal(&tenant.key, &guard).unwrap()
    };
    store.set_guard(colony, 3, &guard(3), None).await.unwrap();
    store.set_guard(colony, 2, &guard(2), of(EventKind::GuardSet)).await.unwrap_err();
    let other = KeyPair::generate().id();
    store.create_colony(&other, &colony.name, NOW, of(EventKind::ColonyCreated)).await.unwrap_err();
    store.stop_bulk(colony.key, Uuid::now_v7(), BulkState::Stopped, NOW, of(EventKind::BulkStopped)).await.unwrap();
    assert_eq!(store.last_event(colony.key).await.unwrap(), 0);
}

async fn a_reader_misses_nothing_while_others_commit(backend: Backend) {
    const WRITERS: usize = 6;
    const EACH: usize = 20;
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (tenant.store.clone(), tenant.colony.key);
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let what = PauseTarget { kind: PauseKind::Function, name: format!("f-{writer}") };
            let pause = Pause { what: what.clone(), by: "ada".to_owned(), reason: String::new(), since_ms: NOW };
            for _ in 0..EACH / 2 {
                store.pause(colony, &pause, of(EventKind::PauseAdded)).await.unwrap();
                store.resume(colony, &what, NOW, of(EventKind::PauseRemoved)).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut next, mut seen) = (0, Vec::new());
    while seen.len() < WRITERS * EACH {
        let page = store.list_events(colony, &EventFilter::default(), EventOrder::After(next), 7).await.unwrap();
        seen.extend(page.events.iter().map(|stored| stored.position));
        next = page.next;
        let expected: Vec<i64> = (1..=i64::try_from(seen.len()).unwrap()).collect();
        assert_eq!(seen, expected, "a later event was seen before an earlier one");
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn an_executor_that_claimed_first_registers_for_the_first_time(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, key) = (&tenant.store, tenant.colony.key, KeyPair::generate().id());
    let seen = LastSeen {
        colony,
        key,
        executor_type: "t".to_owned(),
        name: "bee".to_owned(),
        last_heard_ms: NOW,
        offer: None,
    };
    store.record_last_seen(&[seen]).await.unwrap();
    let registration = Registration { is_granted: true, ..registration(key) };
    let room = PendingBound { count_max: 1, gives_way_before_ms: 0 };
    for _ in 0..2 {
        store.register_executor(colony, &registration, room, NOW, of(EventKind::ExecutorRegistered)).await.unwrap();
    }
    assert_eq!(kinds(&all(store, colony).await), ["executor.registered"]);
}

async fn a_page_says_where_the_stream_ends(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, every) = (&tenant.store, tenant.colony.key, EventFilter::default());
    let head = async |order| store.list_events(colony, &every, order, 1).await.unwrap().head;
    assert_eq!(head(EventOrder::Last).await, 0);
    store.add_events(colony, &vec![event(EventKind::GuardSet); 3]).await.unwrap();
    for order in [EventOrder::After(0), EventOrder::After(9), EventOrder::Last] {
        assert_eq!(head(order).await, 3, "{order:?}");
    }
}

async fn brokers_that_delete_at_once_delete_no_more_than_one(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (tenant.store.clone(), tenant.colony.key);
    store.add_events(colony, &vec![event(EventKind::LimitSet); 60]).await.unwrap();
    let bounds = EventBounds { most: EventCounts([40, 0, 0, 0, 0]), before_ms: i64::MIN, rows_max: 100 };
    let deletions = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.forget_events(&bounds).await.unwrap() })
    });
    let mut deleted = 0;
    for deletion in deletions.collect::<Vec<_>>() {
        deleted += deletion.await.unwrap();
    }
    assert_eq!((deleted, all(&store, colony).await.events.len()), (20, 40));
}

async fn an_event_of_the_future_does_not_keep_older_ones(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let at = |time_ms| NewEvent { time_ms, ..event(EventKind::LimitSet) };
    store.add_events(colony, &[at(NOW + 1000), at(NOW), at(NOW + 1)]).await.unwrap();
    let bounds = EventBounds { most: EventCounts([100; 5]), before_ms: NOW + 1, rows_max: 100 };
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 1);
    assert_eq!(all(store, colony).await.events.len(), 2);
}

async fn colonies_have_streams_of_their_own(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    for colony in [tenant.colony.key, other.colony.key, tenant.colony.key] {
        tenant.store.add_events(colony, &[event(EventKind::GuardSet)]).await.unwrap();
    }
    let positions = |page: EventPage| page.events.iter().map(|stored| stored.position).collect::<Vec<_>>();
    assert_eq!(positions(all(&tenant.store, tenant.colony.key).await), [1, 2]);
    assert_eq!(positions(all(&tenant.store, other.colony.key).await), [1]);
    tenant.store.add_events(other.colony.key, &[]).await.unwrap();
    assert_eq!(tenant.store.last_event(other.colony.key).await.unwrap(), 1);
}

async fn events_are_found_by_each_field(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony, key, process_id) = (&tenant.store, tenant.colony.key, KeyPair::generate().id(), Uuid::now_v7());
    let whole = NewEvent {
        method: "Submit".to_owned(),
        reason: "NOT_PERMITTED".to_owned(),
        key: Some(key),
        is_proven: true,
        name: "ada".to_owned(),
        address: "203.0.113.7".to_owned(),
        process_id: Some(process_id),
        function: "charge".to_owned(),
        request_id: "r-1".to_owned(),
        subject: "a \"thing\"".to_owned(),
        detail: "no\u{2028}words".to_owned(),
        count: 3,
        ..NewEvent::new(EventKind::RefusedScope, NOW + 5)
    };
    store.add_events(colony, &[event(EventKind::GuardSet), whole.clone(), event(EventKind::GrantAdded)]).await.unwrap();
    let whole = as_stored(whole);
    let every = EventFilter::default;
    for filter in [
        EventFilter { process_id: Some(process_id), ..every() },
        EventFilter { key: Some(key), ..every() },
        EventFilter { function: Some("charge".to_owned()), ..every() },
        EventFilter { request_id: Some("r-1".to_owned()), ..every() },
        EventFilter { method: Some("Submit".to_owned()), ..every() },
        EventFilter { kinds: vec![EventKind::RefusedScope, EventKind::RefusedReplay], ..every() },
        EventFilter { since_ms: Some(NOW + 5), until_ms: Some(NOW + 6), ..every() },
    ] {
        for order in [EventOrder::After(0), EventOrder::Last] {
            let page = store.list_events(colony, &filter, order, 10).await.unwrap();
            assert_eq!(page.events.len(), 1, "{filter:?}");
            assert_eq!((page.events[0].position, &page.events[0].event), (2, &whole), "{filter:?}");
            assert_eq!((page.next, page.is_more), (3, false), "what does not match was read, too");
        }
        let none = EventFilter { method: Some("Claim".to_owned()), ..filter };
        assert_eq!(store.list_events(colony, &none, EventOrder::After(0), 10).await.unwrap().events, []);
    }
    let last = store.list_events(colony, &every(), EventOrder::Last, 2).await.unwrap();
    assert_eq!(kinds(&last), ["refused.scope", "grant.added"], "the last, oldest first");
    assert_eq!(last.next, 3);
}

async fn a_page_reads_a_bounded_number_of_events(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    for _ in 0..3 {
        store.add_events(colony, &vec![event(EventKind::GuardSet); 4000]).await.unwrap();
    }
    store.add_events(colony, &[event(EventKind::GrantAdded)]).await.unwrap();
    let filter = EventFilter { kinds: vec![EventKind::GrantAdded], ..EventFilter::default() };
    let first = store.list_events(colony, &filter, EventOrder::After(0), 10).await.unwrap();
    assert_eq!((first.events.len(), first.next, first.is_more), (0, 10_000, true));
    let none = EventFilter { kinds: vec![EventKind::LimitSet], ..EventFilter::default() };
    let last = store.list_events(colony, &none, EventOrder::Last, 10).await.unwrap();
    assert_eq!((last.events.len(), last.is_more), (0, true), "older ones were not read");
    let second = store.list_events(colony, &filter, EventOrder::After(first.next), 10).await.unwrap();
    assert_eq!((second.events.len(), second.next, second.is_more), (1, 12_001, false));
    let full = store.list_events(colony, &EventFilter::default(), EventOrder::After(5), 10).await.unwrap();
    assert_eq!((full.events.len(), full.next, full.is_more), (10, 15, true));
}

async fn the_oldest_events_leave_by_count_and_by_age(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let at = |kind, time_ms| NewEvent { time_ms, ..event(kind) };
    for number in 0..10 {
        let events = [at(EventKind::LimitSet, NOW + number), at(EventKind::RefusedScope, NOW + number)];
        store.add_events(colony, &events).await.unwrap();
    }
    let bounds = EventBounds { most: EventCounts([9, 3, 0, 0, 0]), before_ms: NOW + 2, rows_max: 100 };
    // One change too many, seven refusals too many, and the changes of the first two milliseconds, of which one is counted already.
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 1 + 7 + 1);
    assert_eq!(store.forget_events(&bounds).await.unwrap(), 0);
    let told = all(store, colony).await;
    let count = |is_refusal| {
        told.events.iter().filter(|stored| stored.event.kind.starts_with("refused.") == is_refusal).count()
    };
    assert_eq!((count(false), count(true)), (8, 3));
    assert!(told.events.iter().all(|stored| stored.event.time_ms >= NOW + 2));
    store.add_events(colony, &[event(EventKind::LimitSet)]).await.unwrap();
    assert_eq!(store.last_event(colony).await.unwrap(), 21, "no position is given again");
    // A call deletes no more than so many for each bound.
    let few = EventBounds { most: EventCounts::default(), before_ms: i64::MIN, rows_max: 2 };
    assert_eq!(store.forget_events(&few).await.unwrap(), 4);
    let none = EventBounds { rows_max: 100, ..few };
    assert_eq!(store.forget_events(&none).await.unwrap(), 8);
    assert_eq!(all(store, colony).await.events, []);
}

async fn text_is_cut_and_nul_replaced(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let long = NewEvent { detail: "x".repeat(600), subject: "a\0b".to_owned(), ..event(EventKind::GuardSet) };
    tenant.store.add_events(tenant.colony.key, &[long]).await.unwrap();
    let told = all(&tenant.store, tenant.colony.key).await;
    assert_eq!((told.events[0].event.detail.len(), told.events[0].event.subject.as_str()), (512, "a\u{fffd}b"));
}

async fn a_kind_of_a_newer_broker_is_passed_on(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    tenant.store.add_events(tenant.colony.key, &vec![event(EventKind::GuardSet); 2]).await.unwrap();
    backend.execute("UPDATE events SET kind = 'weather.changed', class = 7 WHERE position = 1").await;
    let told = all(&tenant.store, tenant.colony.key).await;
    assert_eq!(kinds(&told), ["weather.changed", "guard.set"]);
}

pub(crate) async fn all(store: &Arc<dyn Store>, colony: ColonyKey) -> EventPage {
    store.list_events(colony, &EventFilter::default(), EventOrder::After(0), 1000).await.unwrap()
}

pub(crate) fn kinds(page: &EventPage) -> Vec<String> {
    page.events.iter().map(|stored| stored.event.kind.clone()).collect()
}

fn words(kinds: &[EventKind]) -> Vec<String> {
    kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
}

/// Returns an event as it is read back.
fn as_stored(event: NewEvent) -> Event<String> {
    Event {
        kind: event.kind.as_str().to_owned(),
        time_ms: event.time_ms,
        method: event.method,
        reason: event.reason,
        key: event.key,
        is_proven: event.is_proven,
        name: event.name,
        address: event.address,
        process_id: event.process_id,
        function: event.function,
        request_id: event.request_id,
        subject: event.subject,
        detail: event.detail,
        count: event.count,
    }
}

pub(crate) fn event(kind: EventKind) -> NewEvent {
    NewEvent::new(kind, NOW)
}

/// Returns an event to go with a change.
fn of(kind: EventKind) -> Option<&'static NewEvent> {
    Some(Box::leak(Box::new(event(kind))))
}

fn everything() -> PauseTarget {
    PauseTarget { kind: PauseKind::Colony, name: String::new() }
}

fn limit() -> LimitRecord {
    let limit = Limit {
        kind: LimitKind::Function,
        pattern: "f".to_owned(),
        running_max: Some(1),
        policy: LimitPolicy::Queue,
        rate: None,
    };
    LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW }
}

fn registration(key: Id) -> Registration {
    Registration {
        key,
        executor_type: "t".to_owned(),
        name: "bee".to_owned(),
        offer: Default::default(),
        functions: Vec::new(),
        version: String::new(),
        slots: None,
        is_granted: false,
    }
}

fn bulk(colony: ColonyKey) -> Bulk {
    Bulk {
        bulk_id: Uuid::now_v7(),
        colony,
        action: BulkAction::Cancel,
        filter: ProcessFilter { labels: BTreeMap::new(), ..ProcessFilter::default() },
        reason: String::new(),
        by: "ada".to_owned(),
        state: BulkState::Running,
        matched: 0,
        more_may_match: false,
        changed: 0,
        skipped: 0,
        started_at_ms: NOW,
        ended_at_ms: None,
        after: None,
    }
}
