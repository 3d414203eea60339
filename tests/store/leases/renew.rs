//! Renew: only by the token, only while the lease is held.

use apiary_store::model::{GrantKey, LeaseRef};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, LEASE_MS, NOW, Tenant, ends, lost, renewal};

on_each_store!(
    a_lease_is_prolonged_and_answered_in_order,
    a_lease_that_is_over_cannot_be_prolonged,
    a_wrong_token_prolongs_nothing,
    max_exec_ends_what_renewals_would_prolong,
    a_renewal_and_a_sweep_agree_who_was_first,
    a_renewal_says_whether_its_executor_is_drained,
);

async fn a_lease_is_prolonged_and_answered_in_order(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for _ in 0..3 {
        tenant.submit(tenant.process()).await;
    }
    let leases: Vec<_> = tenant.claim_at(&bee, 3, NOW).await.iter().map(|one| bee.lease(one)).collect();
    let unknown = LeaseRef { process_id: Uuid::now_v7(), attempt: 1, executor: bee.grant };
    let batch = [renewal(leases[2], NOW + 90_000), renewal(unknown, NOW + 1), renewal(leases[0], NOW + 70_000)];
    let answers = tenant.store.renew(&batch, NOW + 10).await.unwrap();
    assert_eq!(ends(answers), [Some(NOW + 90_000), None, Some(NOW + 70_000)]);
    let kept = tenant.store.leases(&[leases[2].process_id]).await.unwrap();
    assert_eq!(kept[0].expires_at_ms, NOW + 90_000);
    assert_eq!(tenant.summary(leases[1].process_id).await.until_ms, Some(NOW + LEASE_MS));
}

async fn a_renewal_says_whether_its_executor_is_drained(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let elsewhere = Tenant::in_store(&tenant.store, "orchard").await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    tenant.submit(tenant.process()).await;
    tenant.submit(tenant.process()).await;
    let leases = [tenant.claim_one(&bee, NOW).await, tenant.claim_one(&other, NOW).await];
    let batch = leases.map(|lease| renewal(lease, NOW + LEASE_MS));
    let drained = async || {
        let renewed = tenant.store.renew(&batch, NOW + 1).await.unwrap();
        renewed.into_iter().map(|one| one.unwrap().is_drained).collect::<Vec<_>>()
    };
    // An executor of the same name in another colony is another executor.
    tenant.store.drain_executor(elsewhere.colony.key, "bee", "ada", NOW, None).await.unwrap();
    assert_eq!(drained().await, [false, false]);
    tenant.store.drain_executor(tenant.colony.key, "bee", "ada", NOW, None).await.unwrap();
    assert_eq!(drained().await, [true, false]);
    tenant.store.undrain_executor(tenant.colony.key, "bee", None).await.unwrap();
    assert_eq!(drained().await, [false, false]);
}

async fn a_lease_that_is_over_cannot_be_prolonged(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let later = renewal(lease, NOW + 10 * LEASE_MS);
    assert_eq!(tenant.store.renew(&[later], NOW + LEASE_MS).await.unwrap(), [None]);
    let renewed = tenant.store.renew(&[later], NOW + LEASE_MS - 1).await.unwrap();
    assert_eq!(ends(renewed), [Some(NOW + 10 * LEASE_MS)]);
}

async fn a_wrong_token_prolongs_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let older = LeaseRef { attempt: 0, ..lease };
    let newer = LeaseRef { attempt: 2, ..lease };
    let stranger = LeaseRef { executor: GrantKey(lease.executor.0 + 1), ..lease };
    for wrong in [older, newer, stranger] {
        assert_eq!(tenant.store.renew(&[renewal(wrong, NOW + 90_000)], NOW).await.unwrap(), [None]);
    }
    assert_eq!(tenant.summary(lease.process_id).await.until_ms, Some(NOW + LEASE_MS));
}

async fn max_exec_ends_what_renewals_would_prolong(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_exec_ms = 40_000;
    tenant.submit(process).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let renewed = tenant.store.renew(&[renewal(lease, NOW + 60_000)], NOW + 20_000).await.unwrap();
    assert_eq!(ends(renewed), [Some(NOW + 40_000)]);
    assert_eq!(tenant.store.renew(&[renewal(lease, NOW + 60_000)], NOW + 40_000).await.unwrap(), [None]);
}

/// At the end of a lease, its executor and the sweep act at the same moment: either it is renewed and continues, or it
/// is lost for both.
async fn a_renewal_and_a_sweep_agree_who_was_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for round in 0..30 {
        let start = NOW + round * 1_000_000;
        tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, start).await;
        let end = start + LEASE_MS;
        let (renewals, sweeps) = ([renewal(lease, end + LEASE_MS)], [lost(lease, end)]);
        let (renewed, swept) = tokio::join!(tenant.store.renew(&renewals, end - 1), tenant.store.fail(&sweeps, end));
        let (renewed, swept) = (renewed.unwrap()[0].is_some(), swept.unwrap()[0] == DONE);
        assert!(renewed != swept, "round {round}: renewed {renewed}, swept {swept}");
        assert_eq!(tenant.store.leases(&[lease.process_id]).await.unwrap().len(), usize::from(renewed));
        if renewed {
            assert_eq!(tenant.store.fail(&[lost(lease, end + LEASE_MS)], end + LEASE_MS).await.unwrap(), [DONE]);
        }
        // Finishes the process before the next round.
        let again = tenant.claim_one(&bee, end + LEASE_MS).await;
        tenant.store.complete(&[crate::tenant::completion(again, "{}")], end + LEASE_MS).await.unwrap();
    }
}
