//! Agreement of the stores' statements with the table of the life cycle, for every state and every end of an attempt.

use apiary_store::Store;
use apiary_store::lifecycle::{self, Event};
use apiary_store::model::{AttemptEnding, Discard, LeaseRef, ProcessState, Release};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{ALL, DONE, LEASE_MS, NOW, Tenant, cancellation, completion, failure};

on_each_store!(the_statements_agree_with_the_table);

/// `max_wait` of the processes of these tests.
const MAX_WAIT_MS: i64 = 1000;
const EVENTS: [Event; 15] = [
    Event::Ready,
    Event::Claimed,
    Event::WaitOver,
    Event::Succeeded,
    Event::FailedRetryable,
    Event::FailedFinal,
    Event::Refused,
    Event::Lost,
    Event::Released,
    Event::Snoozed,
    Event::Cancelled,
    Event::Redriven,
    Event::Discarded,
    Event::Replaced,
    Event::Retried,
];

async fn the_statements_agree_with_the_table(backend: Backend) {
    let store = backend.open().await;
    for (row, state) in ProcessState::ALL.into_iter().enumerate() {
        for (column, event) in EVENTS.into_iter().enumerate() {
            let tenant = Tenant::in_store(&store, &format!("meadow-{row}-{column}")).await;
            let lease = process_in(&tenant, state).await;
            assert_eq!(tenant.state(lease.process_id).await, state, "the scene is set");
            happen(&tenant, lease, event).await;
            let expected = lifecycle::next(state, event, true).map_or(state, |next| next.state);
            assert_eq!(tenant.state(lease.process_id).await, expected, "{state:?} on {event:?}");
        }
    }
}

/// Creates a process in this state; returns the token of its first attempt, even if it had none.
async fn process_in(tenant: &Tenant, state: ProcessState) -> LeaseRef {
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_wait_ms = MAX_WAIT_MS;
    process.not_before_ms = (state == ProcessState::Blocked).then_some(NOW + 1);
    let process_id: Uuid = tenant.submit(process).await;
    if matches!(state, ProcessState::Waiting | ProcessState::Blocked) {
        return LeaseRef { process_id, attempt: 1, executor: bee.grant };
    }
    let lease = tenant.claim_one(&bee, NOW).await;
    match state {
        ProcessState::Succeeded => {
            assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap(), [DONE])
        }
        ProcessState::Failed | ProcessState::DeadLetter => {
            let mut failure = failure(lease);
            failure.next = state;
            failure.blocked_until_ms = None;
            assert_eq!(tenant.store.fail(&[failure], NOW).await.unwrap(), [DONE]);
        }
        ProcessState::Cancelled => cancel(tenant, lease).await,
        _ => {}
    }
    lease
}

/// Cancels a running process, which only marks it, and then ends its attempt.
async fn cancel(tenant: &Tenant, lease: LeaseRef) {
    let (store, cancellation) = (&tenant.store, cancellation(NOW + LEASE_MS));
    store.cancel(tenant.colony.key, &[lease.process_id], &cancellation, NOW, None).await.unwrap();
    store.fail(&[failure(lease)], NOW).await.unwrap();
}

/// Runs the statement of the event.
async fn happen(tenant: &Tenant, lease: LeaseRef, event: Event) {
    let store: &dyn Store = &*tenant.store;
    match event {
        Event::Ready => drop(store.unblock(NOW + 1, ALL).await.unwrap()),
        Event::WaitOver => drop(store.expire_waiting(NOW + MAX_WAIT_MS, ALL).await.unwrap()),
        Event::Claimed => drop(tenant.claim_at(&tenant.bee("other").await, 1, NOW).await),
        Event::Succeeded => drop(store.complete(&[completion(lease, "{}")], NOW).await.unwrap()),
        Event::Released => drop(store.release(&[Release::at_once(lease)], NOW).await.unwrap()),
        Event::Snoozed => {
            let snooze = Release {
                lease,
                ending: AttemptEnding::Snoozed,
                until_ms: Some(NOW + 500),
                reason: None,
                surroundings: None,
            };
            drop(store.release(&[snooze], NOW).await.unwrap());
        }
        Event::Cancelled => cancel(tenant, lease).await,
        Event::Redriven => drop(store.redrive(tenant.colony.key, &[lease.process_id], NOW, None).await.unwrap()),
        Event::Discarded | Event::Replaced => {
            let is_replaced = event == Event::Replaced;
            let discard = Discard { reason: "no use".into(), by: "grace".into(), is_replaced };
            drop(store.discard(tenant.colony.key, &[lease.process_id], &discard, NOW, None).await.unwrap());
        }
        Event::Retried => drop(store.retry(tenant.colony.key, &[lease.process_id], NOW, None).await.unwrap()),
        _ => {
            let (next, retries_spent) = lifecycle::after_attempt(event, 0, -1);
            let over_at_ms = (event == Event::Lost).then_some(NOW + LEASE_MS);
            let mut failure = failure(lease);
            failure.only_if_over_at_ms = over_at_ms;
            failure.next = next;
            failure.blocked_until_ms = (next == ProcessState::Blocked).then_some(NOW + LEASE_MS + 1);
            failure.retries_spent = retries_spent;
            drop(store.fail(&[failure], over_at_ms.unwrap_or(NOW)).await.unwrap());
        }
    }
}
