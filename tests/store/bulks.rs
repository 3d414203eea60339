//! Bulk actions: held by a single broker, taken over after its death, and stopped.

use apiary_store::model::{Bulk, BulkAction, BulkState, BulkStep, ProcessCursor, ProcessFilter, ProcessState};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant};

on_each_store!(
    what_is_started_is_kept_as_it_is_and_of_the_same_id_the_first,
    one_broker_holds_it_and_another_takes_it_over_when_its_time_is_over,
    what_is_stopped_is_not_gone_on_with_until_it_is_let,
    what_cannot_be_read_keeps_nobody_waiting,
);

const HOLD_MS: i64 = 10_000;

async fn what_is_started_is_kept_as_it_is_and_of_the_same_id_the_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "desert").await;
    let mut bulk = bulk(&tenant);
    bulk.filter = ProcessFilter {
        states: vec![ProcessState::DeadLetter, ProcessState::Failed],
        executor_type: Some("finance".to_owned()),
        function: Some("validate_revenue".to_owned()),
        labels: [("tier".to_owned(), "\"gold\" 100%_".to_owned())].into(),
        submitter: Some("ada".to_owned()),
        executor: Some("bee".to_owned()),
        submitted_from_ms: Some(NOW - 5),
        submitted_until_ms: Some(NOW),
        own: None,
    };
    assert!(tenant.store.start_bulk(&bulk, 20, 1000, None).await.unwrap());
    let again = Bulk { action: BulkAction::Delete, ..bulk.clone() };
    assert!(!tenant.store.start_bulk(&again, 20, 1000, None).await.unwrap());
    let kept = tenant.store.get_bulk(tenant.colony.key, bulk.bulk_id).await.unwrap().unwrap();
    assert_eq!(format!("{kept:?}"), format!("{bulk:?}"));
    assert!(tenant.store.get_bulk(other.colony.key, bulk.bulk_id).await.unwrap().is_none());
    assert!(tenant.store.list_bulks(other.colony.key, 100).await.unwrap().is_empty());
    assert_eq!(tenant.store.list_bulks(tenant.colony.key, 100).await.unwrap().len(), 1);
}

async fn one_broker_holds_it_and_another_takes_it_over_when_its_time_is_over(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let bulk = bulk(&tenant);
    tenant.store.start_bulk(&bulk, 20, 1000, None).await.unwrap();
    assert!(hold(&tenant, first, NOW).await.is_some());
    assert!(hold(&tenant, second, NOW + HOLD_MS - 1).await.is_none(), "the first has it");
    let state =
        tenant.store.advance_bulk(tenant.colony.key, bulk.bulk_id, first, &step(400, 100, None), None).await.unwrap();
    assert_eq!(state, Some(BulkState::Running));
    let taken = hold(&tenant, second, NOW + HOLD_MS).await.expect("the first is dead");
    assert_eq!((taken.changed, taken.skipped), (400, 100));
    assert_eq!(taken.after, Some(cursor()));
    // Further steps of the first broker are not counted.
    assert_eq!(
        tenant.store.advance_bulk(tenant.colony.key, bulk.bulk_id, first, &step(7, 7, Some(NOW)), None).await.unwrap(),
        None
    );
    let state = tenant
        .store
        .advance_bulk(tenant.colony.key, bulk.bulk_id, second, &step(1, 2, Some(NOW + HOLD_MS + 5)), None)
        .await
        .unwrap();
    assert_eq!(state, Some(BulkState::Finished));
    let kept = tenant.store.get_bulk(tenant.colony.key, bulk.bulk_id).await.unwrap().unwrap();
    assert_eq!((kept.changed, kept.skipped, kept.ended_at_ms), (401, 102, Some(NOW + HOLD_MS + 5)));
    assert!(hold(&tenant, first, i64::MAX - HOLD_MS).await.is_none(), "nothing is left to do");
}

async fn what_is_stopped_is_not_gone_on_with_until_it_is_let(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (broker, colony, bulk) = (Uuid::now_v7(), tenant.colony.key, bulk(&tenant));
    tenant.store.start_bulk(&bulk, 20, 1000, None).await.unwrap();
    hold(&tenant, broker, NOW).await.unwrap();
    let stop = async |wanted| tenant.store.stop_bulk(colony, bulk.bulk_id, wanted, NOW + 3, None).await.unwrap();
    assert!(!stop(BulkState::Running).await, "it runs");
    assert!(stop(BulkState::Stopped).await);
    assert!(!stop(BulkState::Stopped).await);
    // The step in progress is counted, but does not make the stopped action run or finish.
    let state =
        tenant.store.advance_bulk(tenant.colony.key, bulk.bulk_id, broker, &step(5, 0, None), None).await.unwrap();
    assert_eq!(state, Some(BulkState::Stopped));
    assert!(hold(&tenant, broker, NOW + 4).await.is_none());
    let kept = tenant.store.get_bulk(colony, bulk.bulk_id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.ended_at_ms, kept.changed), (BulkState::Stopped, Some(NOW + 3), 5));
    assert!(stop(BulkState::Running).await);
    let held = hold(&tenant, broker, NOW + 5).await.unwrap();
    assert_eq!((held.state, held.ended_at_ms, held.after), (BulkState::Running, None, Some(cursor())));
    let other = Tenant::in_store(&tenant.store, "desert").await;
    assert!(
        !tenant.store.stop_bulk(other.colony.key, bulk.bulk_id, BulkState::Stopped, NOW, None).await.unwrap(),
        "it is not theirs"
    );
}

async fn what_cannot_be_read_keeps_nobody_waiting(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (broken, good) = (bulk(&tenant), bulk(&tenant));
    tenant.store.start_bulk(&broken, 20, 1000, None).await.unwrap();
    let table = if backend.kind() == "postgres" { "apiary.bulks" } else { "bulks" };
    backend.execute(&format!("UPDATE {table} SET filter = '{{'")).await;
    tenant.store.start_bulk(&good, 20, 1000, None).await.unwrap();
    let broker = Uuid::now_v7();
    let mut held = Vec::new();
    for look in 0..2 {
        held.push(tenant.store.hold_bulk(broker, NOW + look, NOW + look + HOLD_MS).await);
    }
    assert!(held.iter().any(Result::is_err));
    assert!(held.into_iter().flatten().flatten().any(|held| held.bulk_id == good.bulk_id));
}

async fn hold(tenant: &Tenant, broker_id: Uuid, now_ms: i64) -> Option<Bulk> {
    tenant.store.hold_bulk(broker_id, now_ms, now_ms + HOLD_MS).await.unwrap()
}

fn bulk(tenant: &Tenant) -> Bulk {
    Bulk {
        bulk_id: Uuid::now_v7(),
        colony: tenant.colony.key,
        action: BulkAction::Redrive,
        filter: ProcessFilter::default(),
        reason: "the bank is back".to_owned(),
        by: "grace".to_owned(),
        state: BulkState::Running,
        matched: 1000,
        more_may_match: true,
        changed: 0,
        skipped: 0,
        started_at_ms: NOW,
        ended_at_ms: None,
        after: None,
    }
}

fn step(changed: i64, skipped: i64, finished_at_ms: Option<i64>) -> BulkStep {
    BulkStep { changed, skipped, after: cursor(), held_until_ms: NOW + HOLD_MS, finished_at_ms }
}

fn cursor() -> ProcessCursor {
    ProcessCursor { submitted_at_ms: NOW - 7, process_id: Uuid::from_u128(7) }
}
