//! Claims of work that nothing limits: they say when their lane is empty, and see every restriction.

use apiary_store::model::{ClaimResult, ClaimSlot, Lane, Pause, PauseKind, PauseTarget};
use apiary_tests::Backend;

use crate::tenant::{NOW, Tenant, at};

on_each_store!(
    the_claim_that_takes_the_last_process_says_that_the_lane_is_empty,
    a_process_that_is_not_plain_keeps_its_place_among_plain_ones,
    a_restriction_that_comes_between_two_claims_is_seen,
    work_without_a_spec_is_not_lost,
);

async fn claim(tenant: &Tenant, slots: &[ClaimSlot]) -> ClaimResult {
    tenant.store.claim(&tenant.lane(), slots, &at(NOW)).await.unwrap()
}

async fn the_claim_that_takes_the_last_process_says_that_the_lane_is_empty(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    let bee = tenant.bee("bee").await;
    assert!(claim(&tenant, &[bee.slot(1)]).await.is_lane_empty);
    // Neither another colony's work nor another lane's is counted.
    other.submit(other.process()).await;
    let mut elsewhere = tenant.process();
    elsewhere.executor_type = "elsewhere".to_owned();
    tenant.submit(elsewhere).await;
    for _ in 0..5 {
        tenant.submit(tenant.process()).await;
    }
    let mut answers = Vec::new();
    for count in [1, 3, 1] {
        let claims = claim(&tenant, &[bee.slot(count)]).await;
        answers.push((claims.claimed.len(), claims.is_lane_empty));
    }
    assert_eq!(answers, [(1, false), (3, false), (1, true)]);
    tenant.submit(tenant.process()).await;
    let claims = claim(&tenant, &[bee.slot(7), bee.slot(1)]).await;
    assert_eq!((claims.claimed.len(), claims.is_lane_empty, claims.has_more), (1, true, false));
    let lane = Lane { executor_type: "elsewhere".to_owned(), ..tenant.lane() };
    let claims = tenant.store.claim(&lane, &[bee.slot(1)], &at(NOW)).await.unwrap();
    assert_eq!((claims.claimed.len(), claims.is_lane_empty), (1, true));
}

async fn a_process_that_is_not_plain_keeps_its_place_among_plain_ones(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for number in 0..9 {
        let mut process = tenant.process();
        match number {
            1 => process.executor_names = vec!["bee".to_owned()],
            3 => process.executor_names = vec!["nobody".to_owned()],
            4 => process.concurrency_key = Some("key".to_owned()),
            6 => process.rate_key = Some("key".to_owned()),
            _ => {}
        }
        ids.push(tenant.submit(process).await);
    }
    let mut order = Vec::new();
    for count in [1, 2, 1, 1, 3, 1] {
        let claims = claim(&tenant, &[bee.slot(count)]).await;
        assert!(!claims.is_lane_empty, "one waits for nobody");
        order.extend(claims.claimed.iter().map(|claimed| claimed.process_id));
    }
    ids.remove(3);
    assert_eq!(order, ids);
}

async fn a_restriction_that_comes_between_two_claims_is_seen(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    for _ in 0..8 {
        tenant.submit(tenant.process()).await;
    }
    let is_given = async |slots: &[ClaimSlot]| !claim(&tenant, slots).await.claimed.is_empty();
    assert!(is_given(&[bee.slot(1)]).await);
    let what = PauseTarget { kind: PauseKind::ExecutorType, name: tenant.lane().executor_type };
    let pause = Pause { what: what.clone(), reason: String::new(), by: "ada".to_owned(), since_ms: NOW };
    tenant.store.pause(tenant.colony.key, &pause, None).await.unwrap();
    let claims = claim(&tenant, &[bee.slot(1)]).await;
    assert!(claims.claimed.is_empty() && !claims.is_lane_empty, "work waits until it is resumed");
    tenant.store.resume(tenant.colony.key, &what, NOW, None).await.unwrap();
    // Enough claims for each way to claim.
    for _ in 0..5 {
        assert!(is_given(&[bee.slot(1)]).await);
    }
    tenant.store.drain_executor(tenant.colony.key, "bee", "ada", NOW, None).await.unwrap();
    let claims = claim(&tenant, &[bee.slot(1), other.slot(1)]).await;
    assert_eq!((claims.drained, claims.claimed[0].slot), (vec![0], 1));
}

async fn work_without_a_spec_is_not_lost(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    let spec = backend.number("SELECT count(*) FROM specs").await;
    backend.execute("DELETE FROM specs").await;
    for _ in 0..2 {
        let error = tenant.store.claim(&tenant.lane(), &[bee.slot(2)], &at(NOW)).await.unwrap_err();
        assert!(error.to_string().contains(&process_id.to_string()), "{error}");
    }
    assert_eq!((spec, backend.number("SELECT count(*) FROM queue").await), (1, 1));
}
