//! The schema: migrated once, and checked.

use apiary_store::{Store, StoreError};
use apiary_tests::Backend;

use crate::tenant::NOW;

on_each_store!(
    a_schema_is_made_once_by_whoever_is_first,
    a_database_without_a_schema_is_refused_with_advice,
    a_database_of_a_newer_broker_is_refused,
    an_altered_migration_is_refused,
    a_database_of_an_old_format_is_refused_with_advice,
    only_a_database_that_is_behind_needs_a_backup,
);

async fn a_schema_is_made_once_by_whoever_is_first(backend: Backend) {
    let store = backend.open_as_it_is().await;
    futures::future::try_join_all((0..4).map(|_| store.migrate())).await.unwrap();
    store.check_schema().await.unwrap();
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
}

async fn a_database_without_a_schema_is_refused_with_advice(backend: Backend) {
    let store = backend.open_as_it_is().await;
    assert_schema_refused(&*store, "--migrate").await;
    let refused = store.get_colony(&apiary_identity::KeyPair::generate().id()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema(_)) && refused.to_string().contains("--migrate"), "{refused}");
    let refused = store.expire_waiting(NOW, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema(_)), "{refused}");
}

async fn a_database_of_a_newer_broker_is_refused(backend: Backend) {
    let store = backend.open().await;
    backend
        .execute(
            "INSERT INTO migrations (version, description, success, checksum, execution_time) \
             SELECT 999, 'later', success, checksum, 0 FROM migrations WHERE version = 1",
        )
        .await;
    assert_schema_refused(&*store, "newer broker").await;
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema(_)) && refused.to_string().contains("newer broker"), "{refused}");
}

async fn an_altered_migration_is_refused(backend: Backend) {
    let store = backend.open().await;
    let zero = if backend.kind() == "postgres" { "'\\x00'" } else { "x'00'" };
    backend.execute(&format!("UPDATE migrations SET checksum = {zero}")).await;
    assert_schema_refused(&*store, "altered").await;
    assert!(matches!(store.migrate().await, Err(StoreError::Schema(_))));
}

async fn a_database_of_an_old_format_is_refused_with_advice(backend: Backend) {
    let store = backend.open().await;
    let zero = if backend.kind() == "postgres" { "'\\x00'" } else { "x'00'" };
    // Also if it had more migrations than this broker knows.
    backend
        .execute(&format!(
            "UPDATE migrations SET checksum = {zero}; \
             INSERT INTO migrations (version, description, success, checksum, execution_time) \
             SELECT 999, 'more', success, checksum, 0 FROM migrations WHERE version = 1"
        ))
        .await;
    assert_schema_refused(&*store, "start anew").await;
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema(_)) && refused.to_string().contains("start anew"), "{refused}");
}

async fn only_a_database_that_is_behind_needs_a_backup(backend: Backend) {
    let store = backend.open_as_it_is().await;
    store.ensure_backup().await.unwrap();
    store.migrate().await.unwrap();
    store.ensure_backup().await.unwrap();
    backend.execute("DELETE FROM migrations WHERE description = 'events'").await;
    let ensured = store.ensure_backup().await;
    if backend.kind() == "sqlite" {
        ensured.unwrap();
        let copy = backend.path().with_extension("db.before-migration-6");
        assert!(std::fs::metadata(&copy).is_ok_and(|copy| copy.len() > 0), "{}", copy.display());
        return;
    }
    let words = ensured.unwrap_err().to_string();
    assert!(words.contains("migration 3 (events)") && words.contains("`apiary broker --backup FILE`"), "{words}");
    for (age, is_fresh) in [("25 hours", false), ("23 hours", true), ("-1 hour", false)] {
        let note = format!("DELETE FROM backups; INSERT INTO backups VALUES (1, now() - interval '{age}')");
        backend.execute(&note).await;
        assert_eq!(store.ensure_backup().await.is_ok(), is_fresh, "{age}");
    }
}

async fn assert_schema_refused(store: &dyn Store, words: &str) {
    match store.check_schema().await {
        Err(StoreError::Schema(said)) => assert!(said.contains(words), "{said}"),
        other => assert!(other.is_err(), "the schema was accepted"),
    }
}
