//! Attempts: each stored with its ending.

use apiary_store::model::Release;
use apiary_tests::Backend;
use bytes::Bytes;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant, completion, failure, signature};

on_each_store!(attempts_are_kept_oldest_first_the_running_one_last, a_process_never_claimed_has_none);

async fn attempts_are_kept_oldest_first_the_running_one_last(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (first, second) = (tenant.bee("bee-1").await, tenant.bee("bee-2").await);
    let process_id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&first, NOW).await;
    tenant.store.fail(&[failure(lease)], NOW + 5).await.unwrap();
    let lease = tenant.claim_one(&first, NOW + 10).await;
    tenant.store.release(&[Release::at_once(lease)], NOW + 15).await.unwrap();
    let lease = tenant.claim_one(&second, NOW + 20).await;

    let shown = |attempts: &[apiary_store::model::Attempt]| {
        attempts
            .iter()
            .map(|one| (one.attempt, one.executor, one.claimed_at_ms, one.ended_at_ms, one.ending.clone()))
            .collect::<Vec<_>>()
    };
    let attempts = tenant.store.attempts(process_id).await.unwrap();
    let mut expected = vec![
        (1, first.grant, NOW, Some(NOW + 5), "failed".to_owned()),
        (2, first.grant, NOW + 10, Some(NOW + 15), "released".to_owned()),
        (3, second.grant, NOW + 20, None, "running".to_owned()),
    ];
    assert_eq!(shown(&attempts), expected);
    assert_eq!(attempts[0].reason.as_deref(), Some("the ledger is closed"));
    assert_eq!(attempts[0].result, Some((Bytes::from_static(b"{}"), signature(8).as_bytes().to_vec())));
    assert_eq!((&attempts[1].reason, &attempts[1].result), (&None, &None));

    tenant.store.complete(&[completion(lease, "{\"sum\":3}")], NOW + 30).await.unwrap();
    let attempts = tenant.store.attempts(process_id).await.unwrap();
    expected[2] = (3, second.grant, NOW + 20, Some(NOW + 30), "succeeded".to_owned());
    assert_eq!(shown(&attempts), expected);
    assert_eq!(attempts[2].result, Some((Bytes::from_static(b"{\"sum\":3}"), signature(9).as_bytes().to_vec())));
}

async fn a_process_never_claimed_has_none(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process_id = tenant.submit(tenant.process()).await;
    assert!(tenant.store.attempts(process_id).await.unwrap().is_empty());
    assert!(tenant.store.attempts(Uuid::now_v7()).await.unwrap().is_empty());
}
