//! Fail: moves the process to the given state, and keeps the attempt's ending.

use apiary_store::StoreError;
use apiary_store::model::{AttemptEnding, ProcessState};
use apiary_tests::Backend;

use crate::tenant::{DONE, LEASE_MS, LOST, NOW, Tenant, failure, lost};

on_each_store!(
    a_failed_process_goes_where_it_is_sent,
    a_sweep_ends_only_what_is_over,
    a_state_that_cannot_follow_is_refused_and_nothing_changes,
    words_that_postgres_cannot_hold_spoil_no_batch,
    a_retry_waits_anew,
);

async fn a_failed_process_goes_where_it_is_sent(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..4 {
        tenant.submit(tenant.process()).await;
    }
    let leases: Vec<_> = tenant.claim_at(&bee, 4, NOW).await.iter().map(|one| bee.lease(one)).collect();
    let ways = [ProcessState::Waiting, ProcessState::Blocked, ProcessState::Failed, ProcessState::DeadLetter];
    let mut failures: Vec<_> = leases.iter().map(|lease| failure(*lease)).collect();
    for (failure, next) in failures.iter_mut().zip(ways) {
        failure.next = next;
        failure.blocked_until_ms = (next == ProcessState::Blocked).then_some(NOW + 500);
        failure.retries_spent = 2;
        failure.ending = if next == ProcessState::DeadLetter { AttemptEnding::Refused } else { AttemptEnding::Failed };
    }
    assert_eq!(tenant.store.fail(&failures, NOW + 1).await.unwrap(), [DONE; 4]);
    for (lease, next) in leases.iter().zip(ways) {
        let shown = tenant.summary(lease.process_id).await;
        assert_eq!((shown.state, shown.attempt, shown.retries_spent, shown.since_ms), (next, 1, 2, NOW + 1));
        assert_eq!(shown.reason.as_deref(), Some("the ledger is closed"));
        assert_eq!(shown.until_ms, (next == ProcessState::Blocked).then_some(NOW + 500));
        let attempts = tenant.store.attempts(lease.process_id).await.unwrap();
        assert_eq!(attempts[0].ending, if next == ProcessState::DeadLetter { "refused" } else { "failed" });
        assert!(attempts[0].result.is_some());
    }
    let again = tenant.claim_at(&bee, 4, NOW + 2).await;
    assert_eq!(again.iter().map(|one| (one.process_id, one.attempt)).collect::<Vec<_>>(), [(leases[0].process_id, 2)]);
}

async fn a_sweep_ends_only_what_is_over(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let end = NOW + LEASE_MS;
    assert_eq!(tenant.store.fail(&[lost(lease, end - 1)], end - 1).await.unwrap(), [LOST]);
    assert_eq!(tenant.state(lease.process_id).await, ProcessState::Running);
    assert_eq!(tenant.store.fail(&[lost(lease, end)], end).await.unwrap(), [DONE]);
    let attempts = tenant.store.attempts(lease.process_id).await.unwrap();
    assert_eq!((attempts[0].ending.as_str(), &attempts[0].result), ("lease_lost", &None));
}

async fn a_state_that_cannot_follow_is_refused_and_nothing_changes(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..2 {
        tenant.submit(tenant.process()).await;
    }
    let leases: Vec<_> = tenant.claim_at(&bee, 2, NOW).await.iter().map(|one| bee.lease(one)).collect();
    for next in [ProcessState::Running, ProcessState::Succeeded, ProcessState::Blocked] {
        let mut impossible = failure(leases[1]);
        impossible.next = next;
        let refused = tenant.store.fail(&[failure(leases[0]), impossible], NOW).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    }
    assert_eq!(tenant.state(leases[0].process_id).await, ProcessState::Running);
}

async fn words_that_postgres_cannot_hold_spoil_no_batch(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..2 {
        tenant.submit(tenant.process()).await;
    }
    let mut failures: Vec<_> = tenant.claim_at(&bee, 2, NOW).await.iter().map(|one| failure(bee.lease(one))).collect();
    failures[0].reason = "a\0b \u{1f41d} '; DROP TABLE queue; --".to_owned();
    assert_eq!(tenant.store.fail(&failures, NOW).await.unwrap(), [DONE, DONE]);
    let kept = tenant.summary(failures[0].lease.process_id).await.reason;
    assert_eq!(kept.as_deref(), Some("a\u{fffd}b \u{1f41d} '; DROP TABLE queue; --"));
}

async fn a_retry_waits_anew(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_wait_ms = 1000;
    let process_id = tenant.submit(process).await;
    let lease = tenant.claim_one(&bee, NOW + 900).await;
    tenant.store.fail(&[failure(lease)], NOW + 5000).await.unwrap();
    assert!(tenant.store.expire_waiting(NOW + 5999, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.expire_waiting(NOW + 6000, 10).await.unwrap(), [(process_id, tenant.lane())]);
}
