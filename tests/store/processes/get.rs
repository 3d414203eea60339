//! Reads of a process, and summaries for watchers.

use std::collections::BTreeMap;

use apiary_store::model::{ProcessState, ProcessSummary};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{KIND, LEASE_MS, NOW, Tenant, completion, failure};

on_each_store!(
    a_process_is_shown_through_its_life,
    a_process_is_found_only_in_its_colony,
    summaries_leave_out_what_does_not_exist,
);

async fn a_process_is_shown_through_its_life(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee-1").await;
    let mut process = tenant.process();
    process.priority = 7;
    process.labels = BTreeMap::from([("tier".to_owned(), "gold \u{1f41d}".to_owned())]);
    process.not_before_ms = Some(NOW + 10);
    tenant.submit(process.clone()).await;
    let mut expected = ProcessSummary {
        process_id: process.process_id,
        colony: tenant.colony.key,
        function: "validate_revenue".to_owned(),
        executor_type: KIND.to_owned(),
        state: ProcessState::Blocked,
        attempt: 0,
        retries_spent: 0,
        priority: 7,
        submitted_at_ms: NOW,
        since_ms: NOW,
        until_ms: Some(NOW + 10),
        submitter_grant: process.submitter,
        submitter: "ada".to_owned(),
        executor: None,
        reason: None,
        labels: process.labels.clone(),
        ended_by: None,
        cancel_deadline_ms: None,
        blocked_cause: Some("not_before".to_owned()),
        percent: None,
        progress: None,
    };
    assert_eq!(tenant.summary(process.process_id).await, expected);

    tenant.store.unblock(NOW + 10, 10).await.unwrap();
    (expected.state, expected.since_ms, expected.until_ms) = (ProcessState::Waiting, NOW + 10, None);
    expected.blocked_cause = None;
    assert_eq!(tenant.summary(process.process_id).await, expected);

    let lease = tenant.claim_one(&bee, NOW + 20).await;
    (expected.state, expected.since_ms, expected.until_ms) =
        (ProcessState::Running, NOW + 20, Some(NOW + 20 + LEASE_MS));
    (expected.attempt, expected.executor) = (1, Some("bee-1".to_owned()));
    assert_eq!(tenant.summary(process.process_id).await, expected);

    tenant.store.fail(&[failure(lease)], NOW + 30).await.unwrap();
    (expected.state, expected.since_ms, expected.until_ms) = (ProcessState::Waiting, NOW + 30, None);
    (expected.retries_spent, expected.reason) = (1, Some("the ledger is closed".to_owned()));
    assert_eq!(tenant.summary(process.process_id).await, expected);

    let lease = tenant.claim_one(&tenant.bee("bee-2").await, NOW + 40).await;
    tenant.store.complete(&[completion(lease, "{}")], NOW + 50).await.unwrap();
    (expected.state, expected.since_ms, expected.attempt) = (ProcessState::Succeeded, NOW + 50, 2);
    (expected.executor, expected.reason) = (Some("bee-2".to_owned()), None);
    assert_eq!(tenant.summary(process.process_id).await, expected);
    let record = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
    assert_eq!((record.summary, record.payload), (expected, process.payload));
}

async fn a_process_is_found_only_in_its_colony(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let process_id = tenant.submit(tenant.process()).await;
    assert!(tenant.store.get_process(tenant.colony.key, process_id).await.unwrap().is_some());
    assert!(tenant.store.get_process(other.colony.key, process_id).await.unwrap().is_none());
    assert!(tenant.store.get_process(tenant.colony.key, Uuid::now_v7()).await.unwrap().is_none());
}

async fn summaries_leave_out_what_does_not_exist(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let first = tenant.submit(tenant.process()).await;
    let second = tenant.submit(tenant.process()).await;
    let found = tenant.store.summaries(&[second, Uuid::now_v7(), first]).await.unwrap();
    let mut ids: Vec<Uuid> = found.into_iter().map(|summary| summary.process_id).collect();
    ids.sort();
    assert_eq!(ids, [first, second]);
}
