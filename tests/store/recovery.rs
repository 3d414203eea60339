//! A broker that stops and starts again.

use apiary_store::StoreError;
use apiary_store::model::ProcessState;
use apiary_tests::Backend;

use crate::tenant::Tenant;

on_each_store!(what_was_acknowledged_is_there_after_a_restart);

async fn what_was_acknowledged_is_there_after_a_restart(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    tenant.store.close().await;
    let refused = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    let store = backend.open().await;
    let kept = store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
    assert_eq!((kept.payload, kept.summary.state), (process.payload, ProcessState::Waiting));
}
