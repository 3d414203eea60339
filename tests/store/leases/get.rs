//! Leases and specs, as read for decisions.

use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{LEASE_MS, NOW, Tenant};

on_each_store!(leases_and_specs_say_what_deciding_needs);

async fn leases_and_specs_say_what_deciding_needs(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut process = tenant.process();
    process.max_exec_ms = 60_000;
    process.max_retries = 5;
    tenant.submit(process.clone()).await;
    let waiting = tenant.process();
    let mut waiting_elsewhere = waiting.clone();
    waiting_elsewhere.executor_type = "archive".to_owned();
    tenant.submit(waiting_elsewhere).await;
    tenant.claim_one(&bee, NOW).await;

    let asked = [waiting.process_id, process.process_id, Uuid::now_v7()];
    let leases = tenant.store.leases(&asked).await.unwrap();
    assert_eq!(leases.len(), 1, "only what is leased");
    let lease = &leases[0];
    assert_eq!((lease.process_id, &lease.lane, lease.executor), (process.process_id, &tenant.lane(), bee.grant));
    assert_eq!((lease.attempt, lease.retries_spent, lease.max_retries), (1, 0, 5));
    assert_eq!((lease.expires_at_ms, lease.exec_deadline_ms), (NOW + LEASE_MS, Some(NOW + 60_000)));
    assert_eq!(lease.spec_digest, process.digest);

    let mut specs = tenant.store.specs(&asked).await.unwrap();
    specs.sort_by_key(|spec| spec.process_id);
    let kept: Vec<_> = specs.into_iter().map(|spec| (spec.process_id, spec.payload)).collect();
    assert_eq!(kept, [(process.process_id, process.payload), (waiting.process_id, waiting.payload)]);
}
