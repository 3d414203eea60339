//! Complete: once, by the token, while the lease is held.

use apiary_store::model::{GrantKey, LeaseRef, ProcessState, Release};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, LEASE_MS, LOST, NOW, Tenant, completion, failure, lost};

on_each_store!(
    a_batch_is_answered_in_its_order,
    a_wrong_token_or_a_late_one_ends_nothing,
    an_attempt_ends_once,
    an_older_attempt_cannot_end_a_newer_one,
    a_completion_and_a_sweep_agree_who_was_first,
    many_that_complete_the_same_at_once_do_it_once,
);

async fn a_batch_is_answered_in_its_order(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..3 {
        tenant.submit(tenant.process()).await;
    }
    let leases: Vec<_> = tenant.claim_at(&bee, 3, NOW).await.iter().map(|one| bee.lease(one)).collect();
    let unknown = LeaseRef { process_id: Uuid::now_v7(), attempt: 1, executor: bee.grant };
    let batch = [completion(leases[2], "{\"n\":2}"), completion(unknown, "{}"), completion(leases[0], "{\"n\":0}")];
    assert_eq!(tenant.store.complete(&batch, NOW + 1).await.unwrap(), [DONE, LOST, DONE]);
    for (lease, result) in [(leases[2], Some("{\"n\":2}")), (leases[1], None), (leases[0], Some("{\"n\":0}"))] {
        let attempts = tenant.store.attempts(lease.process_id).await.unwrap();
        let kept = attempts[0].result.as_ref().map(|(payload, _)| std::str::from_utf8(payload).unwrap());
        assert_eq!(kept, result);
        let expected = if result.is_some() { ProcessState::Succeeded } else { ProcessState::Running };
        assert_eq!(tenant.state(lease.process_id).await, expected);
    }
}

async fn a_wrong_token_or_a_late_one_ends_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let wrong = [
        (LeaseRef { attempt: 2, ..lease }, NOW),
        (LeaseRef { executor: GrantKey(lease.executor.0 + 1), ..lease }, NOW),
        (lease, NOW + LEASE_MS),
    ];
    for (token, now_ms) in wrong {
        assert_eq!(tenant.store.complete(&[completion(token, "{}")], now_ms).await.unwrap(), [LOST]);
        assert_eq!(tenant.store.fail(&[failure(token)], now_ms).await.unwrap(), [LOST]);
        assert_eq!(tenant.store.release(&[Release::at_once(token)], now_ms).await.unwrap(), [LOST]);
    }
    assert_eq!(tenant.state(lease.process_id).await, ProcessState::Running);
    assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW + LEASE_MS - 1).await.unwrap(), [DONE]);
}

async fn an_attempt_ends_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.complete(&[completion(lease, "first")], NOW).await.unwrap(), [DONE]);
    assert_eq!(tenant.store.complete(&[completion(lease, "second")], NOW).await.unwrap(), [LOST]);
    assert_eq!(tenant.store.fail(&[failure(lease)], NOW).await.unwrap(), [LOST]);
    assert_eq!(tenant.store.release(&[Release::at_once(lease)], NOW).await.unwrap(), [LOST]);
    let attempts = tenant.store.attempts(lease.process_id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].result.as_ref().unwrap().0, "first");
}

async fn an_older_attempt_cannot_end_a_newer_one(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let old = tenant.claim_one(&bee, NOW).await;
    assert_eq!(tenant.store.fail(&[lost(old, NOW + LEASE_MS)], NOW + LEASE_MS).await.unwrap(), [DONE]);
    let new = tenant.claim_one(&bee, NOW + LEASE_MS).await;
    assert_eq!(new.attempt, 2);
    assert_eq!(tenant.store.complete(&[completion(old, "{}")], NOW + LEASE_MS).await.unwrap(), [LOST]);
    assert_eq!(tenant.store.complete(&[completion(new, "{}")], NOW + LEASE_MS).await.unwrap(), [DONE]);
}

async fn a_completion_and_a_sweep_agree_who_was_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for round in 0..30 {
        let start = NOW + round * 1_000_000;
        let end = start + LEASE_MS;
        let process_id = tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, start).await;
        let mut swept = lost(lease, end);
        swept.next = ProcessState::DeadLetter;
        let (completions, failures) = ([completion(lease, "{}")], [swept]);
        let (completed, swept) =
            tokio::join!(tenant.store.complete(&completions, end - 1), tenant.store.fail(&failures, end));
        let (completed, swept) = (completed.unwrap()[0] == DONE, swept.unwrap()[0] == DONE);
        assert!(completed != swept, "round {round}: completed {completed}, swept {swept}");
        let expected = if completed { ProcessState::Succeeded } else { ProcessState::DeadLetter };
        assert_eq!(tenant.state(process_id).await, expected);
        assert_eq!(tenant.store.attempts(process_id).await.unwrap().len(), 1);
    }
}

async fn many_that_complete_the_same_at_once_do_it_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let batch: Vec<_> = (0..40).map(|_| tenant.process()).collect();
    tenant.store.submit(&batch, NOW).await.unwrap();
    let forwards: Vec<_> =
        tenant.claim_at(&bee, 40, NOW).await.iter().map(|one| completion(bee.lease(one), "{}")).collect();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let calls = (0..8).map(|number| tenant.store.complete(if number % 2 == 0 { &forwards } else { &backwards }, NOW));
    let answers = futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(answers.concat().into_iter().filter(|end| *end == DONE).count(), 40);
}
