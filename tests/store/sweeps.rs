//! Sweeps: each handles what is due, up to its bound, and reports it.

use std::collections::BTreeSet;

use apiary_store::model::ProcessState;
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, LEASE_MS, NOW, Tenant, completion, renewal};

on_each_store!(
    overdue_leases_are_found_first_over_first_and_left_alone,
    max_exec_makes_a_lease_overdue,
    without_max_exec_a_renewed_attempt_is_never_overdue,
    a_lease_that_is_renewed_for_twenty_minutes_is_kept,
    blocked_processes_are_freed_when_their_time_has_come,
    waiting_starts_when_a_process_could_run,
    nobody_waits_longer_than_max_wait,
    a_limit_is_kept_and_the_rest_comes_next,
    two_sweeps_at_once_move_each_process_once,
    a_process_claimed_in_the_last_moment_does_not_expire,
    the_next_deadline_is_the_first_of_all,
);

async fn overdue_leases_are_found_first_over_first_and_left_alone(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut leases = Vec::new();
    for start in [NOW + 20, NOW, NOW + 10, NOW + 500] {
        tenant.submit(tenant.process()).await;
        leases.push(tenant.claim_one(&bee, start).await);
    }
    assert!(tenant.store.overdue_leases(NOW + LEASE_MS - 1, 10).await.unwrap().is_empty());
    for _ in 0..2 {
        let overdue = tenant.store.overdue_leases(NOW + LEASE_MS + 20, 10).await.unwrap();
        let found: Vec<Uuid> = overdue.iter().map(|lease| lease.process_id).collect();
        assert_eq!(found, [leases[1].process_id, leases[2].process_id, leases[0].process_id]);
    }
    assert_eq!(tenant.store.overdue_leases(NOW + LEASE_MS + 20, 2).await.unwrap().len(), 2);
    tenant.store.renew(&[renewal(leases[1], NOW + 10 * LEASE_MS)], NOW).await.unwrap();
    assert_eq!(tenant.store.overdue_leases(NOW + LEASE_MS, 10).await.unwrap().len(), 0);
}

async fn max_exec_makes_a_lease_overdue(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_exec_ms = 5000;
    tenant.submit(process).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.renew(&[renewal(lease, NOW + 10 * LEASE_MS)], NOW + 1).await.unwrap();
    assert!(tenant.store.overdue_leases(NOW + 4999, 10).await.unwrap().is_empty());
    let overdue = tenant.store.overdue_leases(NOW + 5000, 10).await.unwrap();
    assert_eq!(overdue[0].exec_deadline_ms, Some(NOW + 5000));
}

// Case X10.
async fn without_max_exec_a_renewed_attempt_is_never_overdue(backend: Backend) {
    const YEAR_MS: i64 = 366 * 24 * 3600 * 1000;
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_exec_ms = 0;
    let process_id = tenant.submit(process).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.leases(&[process_id]).await.unwrap()[0].exec_deadline_ms, None);
    tenant.store.renew(&[renewal(lease, NOW + YEAR_MS)], NOW + 1).await.unwrap();
    assert!(tenant.store.overdue_leases(NOW + YEAR_MS - 1, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW + YEAR_MS - 1).await.unwrap(), [DONE]);
}

/// A heartbeat every ten seconds, and just before each the sweep's query.
// Case X11.
async fn a_lease_that_is_renewed_for_twenty_minutes_is_kept(backend: Backend) {
    const HEARTBEAT_MS: usize = 10_000;
    const WORK_MS: i64 = 20 * 60 * 1000;
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    for now_ms in (NOW..=NOW + WORK_MS).step_by(HEARTBEAT_MS) {
        assert!(tenant.store.overdue_leases(now_ms, 10).await.unwrap().is_empty(), "after {} ms", now_ms - NOW);
        tenant.store.renew(&[renewal(lease, now_ms + LEASE_MS)], now_ms).await.unwrap();
    }
    let silent = tenant.store.overdue_leases(NOW + WORK_MS + LEASE_MS, 10).await.unwrap();
    assert_eq!(silent.len(), 1, "it is the heartbeat that kept it");
    assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW + WORK_MS + 1).await.unwrap(), [DONE]);
    assert_eq!(tenant.store.attempts(process_id).await.unwrap().len(), 1);
}

async fn blocked_processes_are_freed_when_their_time_has_come(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut later = tenant.process();
    later.not_before_ms = Some(NOW + 100);
    let process_id = tenant.submit(later).await;
    assert!(tenant.claim_at(&bee, 1, NOW + 200).await.is_empty(), "only the sweep frees it");
    assert!(tenant.store.unblock(NOW + 99, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.unblock(NOW + 100, 10).await.unwrap(), [(process_id, tenant.lane())]);
    assert!(tenant.store.unblock(NOW + 100, 10).await.unwrap().is_empty());
    assert_eq!(tenant.claim_one(&bee, NOW + 200).await.attempt, 1);
}

// Case X7.
async fn waiting_starts_when_a_process_could_run(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut later = tenant.process();
    later.not_before_ms = Some(NOW + 10_000);
    later.max_wait_ms = 1000;
    let process_id = tenant.submit(later).await;
    assert!(tenant.store.expire_waiting(NOW + 5000, 10).await.unwrap().is_empty());
    tenant.store.unblock(NOW + 10_050, 10).await.unwrap();
    assert!(tenant.store.expire_waiting(NOW + 11_049, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.expire_waiting(NOW + 11_050, 10).await.unwrap(), [(process_id, tenant.lane())]);
}

async fn nobody_waits_longer_than_max_wait(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let mut patient = tenant.process();
    patient.max_wait_ms = 0;
    let patient = tenant.submit(patient).await;
    let mut hasty = tenant.process();
    hasty.max_wait_ms = 100;
    let hasty = tenant.submit(hasty).await;
    assert!(tenant.store.expire_waiting(NOW + 99, 10).await.unwrap().is_empty());
    assert_eq!(tenant.store.expire_waiting(NOW + 100, 10).await.unwrap(), [(hasty, tenant.lane())]);
    let shown = tenant.summary(hasty).await;
    assert_eq!((shown.state, shown.since_ms, shown.attempt), (ProcessState::Failed, NOW + 100, 0));
    assert!(shown.reason.as_deref().is_some_and(|reason| reason.contains("max_wait")), "{shown:?}");
    assert_eq!(tenant.state(patient).await, ProcessState::Waiting);
}

async fn a_limit_is_kept_and_the_rest_comes_next(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    for number in 0..10 {
        let mut process = tenant.process();
        process.not_before_ms = Some(NOW + 1 + number);
        process.max_wait_ms = 10;
        tenant.submit(process).await;
    }
    let at = NOW + 100;
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(tenant.store.unblock(at, 4).await.unwrap().len());
    }
    for _ in 0..4 {
        sizes.push(tenant.store.expire_waiting(at + 10, 4).await.unwrap().len());
    }
    assert_eq!(sizes, [4, 4, 2, 0, 4, 4, 2, 0]);
}

async fn two_sweeps_at_once_move_each_process_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let batch: Vec<_> = (0..300)
        .map(|_| {
            let mut process = tenant.process();
            (process.not_before_ms, process.max_wait_ms) = (Some(NOW + 1), 10);
            process
        })
        .collect();
    tenant.store.submit(&batch, NOW).await.unwrap();
    let moved = |sweeps: Vec<Vec<(Uuid, _)>>| -> Vec<Uuid> {
        sweeps.concat().into_iter().map(|(process_id, _): (Uuid, apiary_store::model::Lane)| process_id).collect()
    };
    let unblocked = futures::future::try_join_all((0..8).map(|_| tenant.store.unblock(NOW + 1, 100))).await.unwrap();
    let expired = {
        // Rows that two concurrent sweeps both skipped are for the next sweep.
        let mut unblocked = moved(unblocked);
        unblocked.extend(tenant.store.unblock(NOW + 1, 1000).await.unwrap().into_iter().map(|(id, _)| id));
        assert_eq!((unblocked.len(), unblocked.into_iter().collect::<BTreeSet<_>>().len()), (300, 300));
        futures::future::try_join_all((0..8).map(|_| tenant.store.expire_waiting(NOW + 11, 100))).await.unwrap()
    };
    let mut expired = moved(expired);
    expired.extend(tenant.store.expire_waiting(NOW + 11, 1000).await.unwrap().into_iter().map(|(id, _)| id));
    assert_eq!((expired.len(), expired.into_iter().collect::<BTreeSet<_>>().len()), (300, 300));
}

async fn a_process_claimed_in_the_last_moment_does_not_expire(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for round in 0..30 {
        let mut process = tenant.process();
        process.max_wait_ms = 10;
        let process_id = tenant.submit(process).await;
        let (claimed, expired) =
            tokio::join!(tenant.claim_at(&bee, 1, NOW + 10), tenant.store.expire_waiting(NOW + 10, 10));
        let (claimed, expired) = (claimed.len(), expired.unwrap().len());
        assert!(claimed + expired <= 1, "round {round}: claimed {claimed}, expired {expired}");
        let expected = match (claimed, expired) {
            (1, _) => ProcessState::Running,
            (_, 1) => ProcessState::Failed,
            _ => ProcessState::Waiting,
        };
        assert_eq!(tenant.state(process_id).await, expected);
        for lease in tenant.claim_at(&bee, 1, NOW + 10).await {
            tenant.store.complete(&[completion(bee.lease(&lease), "{}")], NOW + 10).await.unwrap();
        }
    }
}

async fn the_next_deadline_is_the_first_of_all(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None);
    tenant.submit(tenant.process()).await;
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None, "a wait without a limit is never over");
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + LEASE_MS));
    let mut hasty = tenant.process();
    hasty.max_wait_ms = 500;
    tenant.submit(hasty).await;
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 500));
    let mut later = tenant.process();
    later.not_before_ms = Some(NOW + 50);
    tenant.submit(later).await;
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 50));
    tenant.store.unblock(NOW + 50, 10).await.unwrap();
    tenant.store.expire_waiting(NOW + 500, 10).await.unwrap();
    tenant.store.complete(&[completion(lease, "{}")], NOW + 500).await.unwrap();
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None);
}
