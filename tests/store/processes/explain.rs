//! Explanations: what is ahead of a process, and how long such work took.

use apiary_store::limits::EXPLAIN_AHEAD_MAX;
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant, completion};

on_each_store!(those_ahead_are_counted_up_to_a_bound, runs_of_the_type_tell_how_long_work_takes);

async fn ahead(tenant: &Tenant, process_id: Uuid) -> (i64, bool) {
    let record = tenant.store.explain(tenant.colony.key, process_id, 0).await.unwrap().unwrap();
    (record.ahead, record.more_ahead)
}

async fn those_ahead_are_counted_up_to_a_bound(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    // Those of another type and of another colony do not count.
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    other.submit(other.process()).await;
    let mut elsewhere = tenant.process();
    elsewhere.executor_type = "other".to_owned();
    tenant.submit(elsewhere).await;
    let mut ids = Vec::new();
    let count = usize::try_from(EXPLAIN_AHEAD_MAX).unwrap() + 2;
    while ids.len() < count {
        let batch: Vec<_> = (ids.len()..count.min(ids.len() + 1000))
            .map(|number| {
                let mut process = tenant.process();
                process.priority_time_us = NOW + i64::try_from(number).unwrap();
                process
            })
            .collect();
        tenant.store.submit(&batch, NOW).await.unwrap();
        ids.extend(batch.into_iter().map(|process| process.process_id));
    }
    assert_eq!(ahead(&tenant, ids[0]).await, (0, false));
    assert_eq!(ahead(&tenant, ids[1]).await, (1, false));
    assert_eq!(ahead(&tenant, ids[count - 2]).await, (EXPLAIN_AHEAD_MAX, false));
    assert_eq!(ahead(&tenant, ids[count - 1]).await, (EXPLAIN_AHEAD_MAX, true));
}

async fn runs_of_the_type_tell_how_long_work_takes(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for run_ms in [10, 30] {
        tenant.submit(tenant.process()).await;
        let lease = tenant.claim_one(&bee, NOW).await;
        tenant.store.complete(&[completion(lease, "{}")], NOW + run_ms).await.unwrap();
    }
    let waiting = tenant.submit(tenant.process()).await;
    let mut other = tenant.process();
    other.executor_type = "other".to_owned();
    let other = tenant.submit(other).await;
    for (process_id, since_ms, expected) in
        [(waiting, 0, Some(20)), (waiting, NOW + 20, Some(30)), (waiting, NOW + 31, None), (other, 0, None)]
    {
        let record = tenant.store.explain(tenant.colony.key, process_id, since_ms).await.unwrap().unwrap();
        assert_eq!(record.run_ms_mean, expected, "since {since_ms}");
    }
}
