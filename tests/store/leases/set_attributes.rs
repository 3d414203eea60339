//! Set attributes: all or none, within bounds, only by the lease's holder.

use apiary_store::limits::ATTRIBUTES_MAX;
use apiary_store::model::{AttachResult, AttributeBatch, AttributeKind, GrantKey, LeaseRef, NewAttribute};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{LEASE_MS, NOW, Tenant, completion, failure};

on_each_store!(
    a_later_value_replaces_an_earlier_one,
    nobody_attaches_without_the_lease,
    a_process_has_so_many_and_no_more,
    brokers_that_attach_at_once_keep_to_the_bound,
);

fn value(kind: AttributeKind, key: &str, value: &str) -> NewAttribute {
    NewAttribute { kind, key: key.to_owned(), value: value.to_owned() }
}

fn batch(lease: LeaseRef, attributes: Vec<NewAttribute>) -> AttributeBatch {
    AttributeBatch { lease, attributes }
}

fn numbered(lease: LeaseRef, numbers: std::ops::Range<usize>) -> AttributeBatch {
    batch(lease, numbers.map(|number| value(AttributeKind::Out, &number.to_string(), "v")).collect())
}

async fn a_later_value_replaces_an_earlier_one(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let unknown = LeaseRef { process_id: Uuid::now_v7(), ..lease };
    let first = batch(lease, vec![value(AttributeKind::Out, "k", "1"), value(AttributeKind::In, "k", "\u{1f41d}")]);
    let batches = [batch(unknown, vec![value(AttributeKind::Out, "k", "1")]), first];
    assert_eq!(tenant.store.set_attributes(&batches, NOW).await.unwrap(), [AttachResult::Lost, AttachResult::Kept]);
    tenant.store.fail(&[failure(lease)], NOW).await.unwrap();
    let second = tenant.claim_one(&bee, NOW).await;
    let again = [batch(second, vec![value(AttributeKind::Out, "k", "2")])];
    assert_eq!(tenant.store.set_attributes(&again, NOW).await.unwrap(), [AttachResult::Kept]);
    let kept = tenant.store.attributes(id).await.unwrap();
    let kept: Vec<_> =
        kept.iter().map(|one| (one.kind.as_str(), one.key.as_str(), one.value.as_str(), one.attempt)).collect();
    assert_eq!(kept, [("in", "k", "\u{1f41d}", 1), ("out", "k", "2", 2)]);
}

async fn nobody_attaches_without_the_lease(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let wrong = [
        (LeaseRef { attempt: 2, ..lease }, NOW),
        (LeaseRef { executor: GrantKey(lease.executor.0 + 1), ..lease }, NOW),
        (lease, NOW + LEASE_MS),
    ];
    for (token, now_ms) in wrong {
        assert_eq!(tenant.store.set_attributes(&[numbered(token, 0..1)], now_ms).await.unwrap(), [AttachResult::Lost]);
    }
    tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    assert_eq!(tenant.store.set_attributes(&[numbered(lease, 0..1)], NOW).await.unwrap(), [AttachResult::Lost]);
    assert!(tenant.store.attributes(id).await.unwrap().is_empty());
}

async fn a_process_has_so_many_and_no_more(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (id, other) = (tenant.submit(tenant.process()).await, tenant.submit(tenant.process()).await);
    let leases: Vec<_> = tenant.claim_at(&bee, 2, NOW).await.iter().map(|claimed| bee.lease(claimed)).collect();
    let all = [numbered(leases[0], 0..ATTRIBUTES_MAX)];
    assert_eq!(tenant.store.set_attributes(&all, NOW).await.unwrap(), [AttachResult::Kept]);
    // One more is too many; the same again is not; another process in the batch is not affected.
    let beyond = ATTRIBUTES_MAX - 1..ATTRIBUTES_MAX + 1;
    let batches = [numbered(leases[0], beyond), numbered(leases[1], 0..2)];
    assert_eq!(tenant.store.set_attributes(&batches, NOW).await.unwrap(), [AttachResult::Full, AttachResult::Kept]);
    assert_eq!(tenant.store.set_attributes(&all, NOW).await.unwrap(), [AttachResult::Kept]);
    assert_eq!(tenant.store.attributes(id).await.unwrap().len(), ATTRIBUTES_MAX);
    assert_eq!(tenant.store.attributes(other).await.unwrap().len(), 2);
}

async fn brokers_that_attach_at_once_keep_to_the_bound(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    let batches: Vec<_> = (0..8).map(|call| [numbered(lease, call * 64..(call + 1) * 64)]).collect();
    let calls = batches.iter().map(|batch| tenant.store.set_attributes(batch, NOW));
    let answers = futures::future::try_join_all(calls).await.unwrap().concat();
    assert_eq!(answers.iter().filter(|answer| **answer == AttachResult::Kept).count(), ATTRIBUTES_MAX / 64);
    assert_eq!(tenant.store.attributes(id).await.unwrap().len(), ATTRIBUTES_MAX);
}
