//! A compromised database: an invalid row is an error that names table and row, never a panic.

use apiary_store::StoreError;
use apiary_store::model::{Page, ProcessFilter};
use apiary_tests::Backend;

use crate::tenant::{ALL, LEASE_MS, NOW, Tenant, at};

on_each_store!(
    an_altered_grant_is_not_believed,
    a_grant_filed_under_another_key_is_not_believed,
    a_grant_of_another_colony_is_not_believed,
    an_unknown_state_is_named,
    a_broken_digest_is_named,
    broken_labels_and_names_are_named,
    a_process_without_a_spec_is_named,
    a_spec_without_a_state_is_named,
    an_altered_spec_is_passed_on_as_it_lies_there,
    numbers_that_do_not_fit_are_named,
);

fn assert_corrupt<T: std::fmt::Debug>(answer: Result<T, StoreError>, table: &str, row: &str) {
    match answer {
        Err(StoreError::Corrupt(words)) => {
            assert!(words.contains(&format!("`{table}`")) && words.contains(row), "{words}");
        }
        other => assert!(other.is_err(), "it was believed: {other:?}"),
    }
}

async fn an_altered_grant_is_not_believed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let id = tenant.user_key.id();
    let row = format!("key {}", tenant.user.0);
    let (short, other) = if backend.kind() == "postgres" { ("'\\x00'", "'\\x7b7d'") } else { ("x'00'", "x'7b7d'") };
    backend.execute(&format!("UPDATE grants SET payload = {other}")).await;
    assert_corrupt(tenant.store.grants_of_key(&tenant.colony, &id).await, "grants", &row);
    backend.execute(&format!("UPDATE grants SET signature = {short}")).await;
    assert_corrupt(tenant.store.grants_of_key(&tenant.colony, &id).await, "grants", &row);
}

async fn a_grant_filed_under_another_key_is_not_believed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    // The user's grant under the executor's key: otherwise a thief of the executor's key would become a user.
    backend
        .execute("UPDATE grants SET grantee = (SELECT grantee FROM grants WHERE name = 'bee') WHERE name = 'ada'")
        .await;
    let stored = tenant.store.grants_by_key(&[bee.grant]).await.unwrap();
    let thief = apiary_identity::Id::from_slice(&stored[0].grantee).unwrap();
    let row = format!("key {}", tenant.user.0);
    assert_corrupt(tenant.store.grants_of_key(&tenant.colony, &thief).await, "grants", &row);
}

async fn a_grant_of_another_colony_is_not_believed(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    backend.execute(&format!("UPDATE grants SET colony = {} WHERE key = {}", tenant.colony.key.0, other.user.0)).await;
    let row = format!("key {}", other.user.0);
    assert_corrupt(tenant.store.grants_of_key(&tenant.colony, &other.user_key.id()).await, "grants", &row);
}

async fn an_unknown_state_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    let lease = tenant.claim_one(&bee, NOW).await;
    tenant.store.complete(&[crate::tenant::completion(lease, "{}")], NOW).await.unwrap();
    backend.execute("UPDATE finished SET state = 'won'").await;
    let row = process_id.to_string();
    let colony = tenant.colony.key;
    assert_corrupt(tenant.store.summaries(&[process_id]).await, "processes", &row);
    assert_corrupt(tenant.store.get_process(colony, process_id).await, "processes", &row);
    let page = Page { size: ALL, after: None };
    let listed = tenant.store.list_processes(colony, &ProcessFilter::default(), page).await;
    assert_corrupt(listed, "processes", &row);
    assert_corrupt(tenant.store.count_states(Some(colony)).await, "finished", "state");
}

async fn a_broken_digest_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    tenant.claim_one(&bee, NOW).await;
    backend.execute("UPDATE specs SET digest = signature").await;
    let row = process_id.to_string();
    assert_corrupt(tenant.store.leases(&[process_id]).await, "leases", &row);
    assert_corrupt(tenant.store.overdue_leases(NOW + LEASE_MS, 10).await, "leases", &row);
}

async fn broken_labels_and_names_are_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    let row = process_id.to_string();
    for labels in ["[1]", "{\"a\": 1}"] {
        backend.execute(&format!("UPDATE specs SET labels = '{labels}'")).await;
        assert_corrupt(tenant.store.summaries(&[process_id]).await, "processes", &row);
        let filter =
            ProcessFilter { labels: [("a".to_owned(), "1".to_owned())].into_iter().collect(), ..Default::default() };
        let page = Page { size: ALL, after: None };
        // Either no label matches, or the error names the row; a wrong match or a panic would be a fault.
        match tenant.store.list_processes(tenant.colony.key, &filter, page).await {
            Ok(found) => assert!(found.processes.is_empty(), "{found:?}"),
            Err(error) => assert!(matches!(error, StoreError::Corrupt(_)), "{error}"),
        }
    }
    for names in ["[1, \"bee\"]", "{\"bee\": 1}"] {
        backend.execute(&format!("UPDATE queue SET executor_names = '{names}'")).await;
        match tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await {
            Ok(claims) => assert!(claims.claimed.is_empty(), "{claims:?}"),
            refused => assert_corrupt(refused, "queue", &row),
        }
    }
    backend.execute("UPDATE queue SET executor_names = NULL").await;
    for requires in ["[1]", "{\"cpu\": 4}", "{\"cores\": \"4\"}", "{\"memory\": \"10 parsecs\"}"] {
        backend.execute(&format!("UPDATE queue SET requires = '{requires}'")).await;
        assert_corrupt(tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await, "queue", &row);
    }
    backend.execute("UPDATE queue SET requires = NULL").await;
    if backend.kind() == "sqlite" {
        backend.execute("UPDATE queue SET executor_names = 'bee'; UPDATE specs SET labels = '{'").await;
        assert_corrupt(tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await, "queue", &row);
        assert_corrupt(tenant.store.summaries(&[process_id]).await, "processes", &row);
    }
}

async fn a_process_without_a_spec_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    backend.execute("DELETE FROM specs").await;
    for _ in 0..2 {
        let claimed = tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await;
        assert_corrupt(claimed, "specs", &process_id.to_string());
    }
    backend
        .execute(
            "INSERT INTO leases (process_id, colony, executor, claimed_at_ms, expires_at_ms, attempt, retries_spent, \
             executor_type, function) SELECT process_id, colony, 1, 1, 1, 1, 0, executor_type, function FROM queue",
        )
        .await;
    assert_corrupt(tenant.store.overdue_leases(NOW, 10).await, "leases", &process_id.to_string());
}

async fn a_spec_without_a_state_is_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    backend.execute("DELETE FROM queue").await;
    let row = process.process_id.to_string();
    assert_corrupt(tenant.store.get_process(tenant.colony.key, process.process_id).await, "processes", &row);
    assert_corrupt(tenant.store.submit(&[process], NOW).await, "specs", &row);
}

async fn an_altered_spec_is_passed_on_as_it_lies_there(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process = tenant.process();
    tenant.submit(process.clone()).await;
    // Of a number for which there is no dictionary: only a newer broker has it.
    backend.execute(&format!("UPDATE specs SET payload = {}", backend.literal(&[0xde, 0xad]))).await;
    let row = process.process_id.to_string();
    assert_corrupt(tenant.store.get_process(tenant.colony.key, process.process_id).await, "specs", &row);
    // A document as it is, and a damaged frame.
    for (stored, read) in [([0x00, 0xde, 0xad], &[0xde, 0xad][..]), ([0x01, 0xde, 0xad], &[0x01, 0xde, 0xad])] {
        let set = format!("payload = {}, signature = {}", backend.literal(&stored), backend.literal(&[0xbe, 0xef]));
        backend.execute(&format!("UPDATE specs SET {set}")).await;
        let kept = tenant.store.get_process(tenant.colony.key, process.process_id).await.unwrap().unwrap();
        assert_eq!((kept.payload.as_ref(), kept.signature.as_slice()), (read, &[0xbe, 0xef][..]));
        let specs = tenant.store.specs(&[process.process_id]).await.unwrap();
        assert_eq!(specs[0].payload, read);
    }
    // A claim takes what it finds.
    tenant.submit(tenant.process()).await;
    let unknown = backend.literal(&[0xde, 0xad]);
    backend.execute(&format!("UPDATE specs SET payload = {unknown}")).await;
    let claimed = tenant.claim_at(&bee, 2, NOW).await;
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|lease| lease.payload.as_ref() == [0xde, 0xad]));
    assert_eq!(claimed[0].signature, [0xbe, 0xef]);
}

async fn numbers_that_do_not_fit_are_named(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = tenant.submit(tenant.process()).await;
    if backend.kind() == "postgres" {
        // Every value of its columns is valid, but a sum of them can overflow.
        backend.execute("UPDATE queue SET attempt = 2147483647").await;
        let refused = tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
        return;
    }
    backend.execute("UPDATE queue SET attempt = 3000000000").await;
    assert_corrupt(tenant.store.summaries(&[process_id]).await, "processes", &process_id.to_string());
    assert_corrupt(
        tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await,
        "specs",
        &process_id.to_string(),
    );
    backend.execute("UPDATE queue SET process_id = x'0102'").await;
    assert_corrupt(tenant.store.claim(&tenant.lane(), &[bee.slot(1)], &at(NOW)).await, "queue", "unreadable id");
}
