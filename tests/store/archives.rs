//! The archive: what is in no object is listed whole, what is recorded may leave, and what left comes back.

use std::sync::Arc;

use apiary_identity::Digest;
use apiary_store::Store;
use apiary_store::model::{
    ARCHIVE_HOLD, FinishedCursor, FinishedProcess, NewArchive, NewProcess, ProcessState, RetentionHold,
};
use apiary_tests::Backend;
use bytes::Bytes;
use uuid::Uuid;

use crate::retention::range;
use crate::tenant::{Bee, DONE, NOW, Tenant, completion, failure};

on_each_store!(
    what_is_finished_and_in_no_object_is_listed_whole,
    objects_follow_each_other,
    only_what_ended_as_an_object_says_is_recorded,
    a_colony_that_archives_deletes_only_what_is_archived,
    a_process_that_ended_twice_is_in_two_objects,
    what_left_comes_back_once_and_stays,
);

/// Time for which restored processes stay.
const STAY_MS: i64 = 10_000;

/// Submits a process and ends it.
async fn ended(tenant: &Tenant, bee: &Bee, state: ProcessState, now_ms: i64) -> NewProcess {
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    end(tenant, bee, state, now_ms).await;
    process
}

async fn end(tenant: &Tenant, bee: &Bee, state: ProcessState, now_ms: i64) {
    let lease = tenant.claim_one(bee, now_ms).await;
    let ends = if state == ProcessState::Succeeded {
        tenant.store.complete(&[completion(lease, "{}")], now_ms).await
    } else {
        let mut failed = failure(lease);
        failed.next = state;
        tenant.store.fail(&[failed], now_ms).await
    };
    assert_eq!(ends.unwrap(), [DONE]);
}

async fn unarchived(tenant: &Tenant, until_ms: i64) -> Vec<FinishedProcess> {
    let after = FinishedCursor { finished_at_ms: 0, process_id: Uuid::nil() };
    tenant.store.list_unarchived(tenant.colony.key, after, until_ms, 100).await.unwrap()
}

/// Returns the next object of a colony's archive.
async fn object(tenant: &Tenant, processes: &[FinishedCursor]) -> NewArchive {
    let last = tenant.store.last_archive(tenant.colony.key).await.unwrap();
    let number = last.as_ref().map_or(1, |last| last.number + 1);
    NewArchive {
        colony: tenant.colony.key,
        number,
        previous: last.map(|last| last.digest),
        object: format!("object-{number}"),
        digest: Digest::of("test", number.to_string().as_bytes()),
        payload: Bytes::from_static(b"{}"),
        signature: vec![1; 64],
        signer: vec![2; 32],
        until_ms: NOW,
        processes: processes.to_vec(),
        now_ms: NOW,
    }
}

async fn add(tenant: &Tenant, processes: &[FinishedCursor]) -> Option<i64> {
    tenant.store.add_archive(&object(tenant, processes).await, None).await.unwrap()
}

fn cursor(process: &NewProcess, finished_at_ms: i64) -> FinishedCursor {
    FinishedCursor { finished_at_ms, process_id: process.process_id }
}

async fn places(store: &Arc<dyn Store>, tenant: &Tenant, process_id: Uuid) -> Vec<(String, i64)> {
    let found = store.find_archive(tenant.colony.key, process_id, 10).await.unwrap();
    found.into_iter().map(|(archive, line)| (archive.object, line)).collect()
}

async fn what_is_finished_and_in_no_object_is_listed_whole(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let bee = tenant.bee("bee").await;
    let late = ended(&tenant, &bee, ProcessState::Failed, NOW + 1).await;
    let first = ended(&tenant, &bee, ProcessState::Succeeded, NOW).await;
    ended(&other, &other.bee("bee").await, ProcessState::Succeeded, NOW).await;
    tenant.submit(tenant.process()).await;
    let found = unarchived(&tenant, NOW + 1).await;
    assert_eq!(found.iter().map(|one| one.process_id).collect::<Vec<_>>(), [first.process_id, late.process_id]);
    let whole = &found[0];
    assert_eq!((&whole.payload, whole.signature.as_slice()), (&first.payload, first.signature.as_bytes()));
    assert_eq!((whole.state, whole.finished_at_ms, whole.attempt), (ProcessState::Succeeded, NOW, 1));
    assert_eq!(whole.attempts.len(), 1);
    assert!(whole.attempts[0].result.is_some() && whole.attempts[0].executor == bee.grant);
    assert_eq!(unarchived(&tenant, NOW).await.len(), 1);
    let rest = store.list_unarchived(tenant.colony.key, whole.cursor(), NOW + 1, 100).await.unwrap();
    assert_eq!(rest.len(), 1, "it goes on behind the cursor");
}

async fn objects_follow_each_other(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let one = ended(&tenant, &bee, ProcessState::Succeeded, NOW).await;
    let two = ended(&tenant, &bee, ProcessState::Succeeded, NOW).await;
    let first = object(&tenant, &[cursor(&one, NOW)]).await;
    let skipped = NewArchive { number: 2, previous: Some(first.digest), ..first.clone() };
    assert_eq!(tenant.store.add_archive(&skipped, None).await.unwrap(), None);
    assert_eq!(tenant.store.add_archive(&first, None).await.unwrap(), Some(1));
    assert_eq!(tenant.store.add_archive(&first, None).await.unwrap(), None, "there is one of each number");
    let torn = NewArchive { previous: Some(Digest([7; 32])), ..object(&tenant, &[cursor(&two, NOW)]).await };
    assert_eq!(tenant.store.add_archive(&torn, None).await.unwrap(), None);
    assert_eq!(add(&tenant, &[cursor(&two, NOW)]).await, Some(1));
    let listed = tenant.store.list_archives(tenant.colony.key, 0, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| (one.number, one.recorded)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    assert_eq!(tenant.store.list_archives(tenant.colony.key, 1, 10).await.unwrap().len(), 1);
    let holds = tenant.store.list_retention_holds(tenant.colony.key).await.unwrap();
    assert_eq!(
        holds.iter().map(|hold| (hold.name.as_str(), hold.from_ms)).collect::<Vec<_>>(),
        [(ARCHIVE_HOLD, NOW + 1)]
    );
}

async fn only_what_ended_as_an_object_says_is_recorded(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let bee = tenant.bee("bee").await;
    let one = ended(&tenant, &bee, ProcessState::Succeeded, NOW).await;
    let again = ended(&tenant, &bee, ProcessState::Failed, NOW).await;
    let foreign = ended(&other, &other.bee("bee").await, ProcessState::Succeeded, NOW).await;
    store.redrive(tenant.colony.key, &[again.process_id], NOW + 1, None).await.unwrap();
    let all = [cursor(&foreign, NOW), cursor(&again, NOW), cursor(&one, NOW), cursor(&one, NOW)];
    assert_eq!(add(&tenant, &all).await, Some(1));
    assert_eq!(places(&store, &tenant, one.process_id).await, [("object-1".to_owned(), 2)]);
    assert!(places(&store, &tenant, again.process_id).await.is_empty());
    assert!(places(&store, &other, foreign.process_id).await.is_empty());
    assert!(places(&store, &other, one.process_id).await.is_empty(), "another colony's archive is not shown");
}

async fn a_colony_that_archives_deletes_only_what_is_archived(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let one = ended(&tenant, &bee, ProcessState::Succeeded, NOW - 1).await;
    let two = ended(&tenant, &bee, ProcessState::Succeeded, NOW).await;
    let hold = RetentionHold { name: ARCHIVE_HOLD.to_owned(), from_ms: 0 };
    tenant.store.set_retention_hold(tenant.colony.key, &hold).await.unwrap();
    let delete = async || {
        let past = range(tenant.colony.key, ProcessState::Succeeded);
        tenant.store.delete_past(&past).await.unwrap().unwrap().deleted
    };
    assert_eq!(delete().await, 0);
    assert_eq!(add(&tenant, &[cursor(&two, NOW)]).await, Some(1));
    assert_eq!(delete().await, 1);
    let left = unarchived(&tenant, NOW).await;
    assert_eq!(left.iter().map(|one| one.process_id).collect::<Vec<_>>(), [one.process_id], "it is in no object");
    assert_eq!(add(&tenant, &[cursor(&one, NOW - 1)]).await, Some(1));
    assert_eq!(delete().await, 1);
    assert_eq!(places(&tenant.store, &tenant, two.process_id).await, [("object-1".to_owned(), 0)], "it stays known");
}

async fn a_process_that_ended_twice_is_in_two_objects(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process = ended(&tenant, &bee, ProcessState::DeadLetter, NOW - 5).await;
    assert_eq!(add(&tenant, &[cursor(&process, NOW - 5)]).await, Some(1));
    tenant.store.redrive(tenant.colony.key, &[process.process_id], NOW - 4, None).await.unwrap();
    end(&tenant, &bee, ProcessState::DeadLetter, NOW - 3).await;
    let past = range(tenant.colony.key, ProcessState::DeadLetter);
    assert_eq!(
        tenant.store.delete_past(&past).await.unwrap().unwrap().deleted,
        0,
        "the end that it has now is in no object"
    );
    assert_eq!(unarchived(&tenant, NOW).await.len(), 1);
    assert_eq!(add(&tenant, &[cursor(&process, NOW - 3)]).await, Some(1));
    // Whoever records an end again changes nothing for retention.
    assert_eq!(add(&tenant, &[cursor(&process, NOW - 3)]).await, Some(1));
    assert!(unarchived(&tenant, NOW).await.is_empty());
    assert_eq!(tenant.store.delete_past(&past).await.unwrap().unwrap().deleted, 1);
    let names: Vec<_> =
        places(&tenant.store, &tenant, process.process_id).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["object-3", "object-2", "object-1"]);
}

async fn what_left_comes_back_once_and_stays(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let spec = ended(&tenant, &bee, ProcessState::Succeeded, NOW - 1).await;
    let whole = unarchived(&tenant, NOW).await.remove(0);
    assert_eq!(add(&tenant, &[whole.cursor()]).await, Some(1));
    let restore = async || tenant.store.restore(&spec, &whole, NOW + STAY_MS, NOW, None).await.unwrap();
    assert!(!restore().await, "it is there");
    let delete = async |now_ms| {
        let past = range(tenant.colony.key, ProcessState::Succeeded);
        let past = apiary_store::model::RetentionRange { now_ms, ..past };
        tenant.store.delete_past(&past).await.unwrap().unwrap().deleted
    };
    assert_eq!(delete(NOW).await, 1);
    assert!(restore().await);
    assert!(!restore().await, "a repetition changes nothing");
    assert_eq!(tenant.state(spec.process_id).await, ProcessState::Succeeded);
    assert!(tenant.claim_at(&bee, 1, NOW).await.is_empty(), "it does not run");
    assert!(unarchived(&tenant, NOW).await.is_empty(), "it is archived");
    let attempts = tenant.store.attempts(spec.process_id).await.unwrap();
    assert_eq!(attempts[0].result, whole.attempts[0].result);
    assert_eq!(delete(NOW).await, 0, "it stays for its time");
    assert_eq!(delete(NOW + STAY_MS + 1).await, 1);
}
