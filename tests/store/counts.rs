//! Counters: the number of processes in each state, kept by transition.

use apiary_store::limits::{COUNT_CHANGES_AGE_MAX, COUNT_CHANGES_MAX};
use apiary_store::model::ProcessState;
use apiary_tests::Backend;

use crate::tenant::{NOW, Tenant, completion};

on_each_store!(
    counts_stay_exact_when_they_are_added_up,
    two_add_counts_up_at_once,
    a_broker_that_changed_nothing_adds_nothing_up
);

/// Checks that the counters agree with the tables, whatever a test did to them: every test of the contract ends with it.
pub(crate) async fn check(backend: &Backend) {
    let is_postgres = backend.kind() == "postgres";
    if !is_postgres && !backend.path().exists() {
        return;
    }
    let schema = match is_postgres {
        true => "SELECT count(*) FROM pg_tables WHERE schemaname = 'apiary' AND tablename = 'counts'",
        false => "SELECT count(*) FROM sqlite_schema WHERE name = 'counts'",
    };
    if backend.number(schema).await == 0 {
        return;
    }
    let changes = if is_postgres { "UNION ALL SELECT colony, state, change FROM count_changes" } else { "" };
    let differing = format!(
        "WITH stored (colony, state, number) AS (
            SELECT colony, 'all', count(*) FROM specs GROUP BY colony
            UNION ALL SELECT colony, 'blocked', count(*) FROM blocked GROUP BY colony
            UNION ALL SELECT colony, state, count(*) FROM finished GROUP BY colony, state
        ),
        counted (colony, state, number) AS (
            SELECT colony, state, sum(number)
            FROM (SELECT colony, state, number FROM counts {changes}) AS parts
            GROUP BY colony, state
            HAVING sum(number) <> 0
        )
        SELECT count(*) FROM (
            SELECT colony, state FROM (SELECT * FROM stored EXCEPT SELECT * FROM counted) AS missing
            UNION ALL
            SELECT colony, state FROM (SELECT * FROM counted EXCEPT SELECT * FROM stored) AS wrong
        ) AS differing"
    );
    assert_eq!(backend.number(&differing).await, 0, "counters that differ from the tables");
}

async fn many(tenant: &Tenant) {
    let bee = tenant.bee("bee").await;
    for number in 0..COUNT_CHANGES_MAX + 20 {
        tenant.submit(tenant.process()).await;
        if number % 100 == 0 {
            let lease = tenant.claim_one(&bee, NOW).await;
            tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
        }
    }
}

async fn counts(tenant: &Tenant) -> Vec<(ProcessState, i64)> {
    let mut counts = tenant.store.count_states(Some(tenant.colony.key)).await.unwrap();
    counts.sort_by_key(|(state, _)| state.as_str());
    counts
}

async fn counts_stay_exact_when_they_are_added_up(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    many(&tenant).await;
    assert_eq!(tenant.store.fold_counts(1).await.unwrap(), u64::from(backend.kind() == "postgres"));
    let before = counts(&tenant).await;
    assert_eq!(before, [(ProcessState::Succeeded, 11), (ProcessState::Waiting, 1009)]);
    while tenant.store.fold_counts(COUNT_CHANGES_MAX).await.unwrap() > 0 {}
    assert_eq!(counts(&tenant).await, before);
    if backend.kind() == "postgres" {
        assert!(backend.number("SELECT count(*) FROM count_changes").await < COUNT_CHANGES_MAX);
        assert_eq!(backend.number("SELECT count(*) FROM counts").await, 2);
    }
}

async fn two_add_counts_up_at_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    many(&tenant).await;
    let before = counts(&tenant).await;
    let both = futures::future::join_all((0..4).map(|_| tenant.store.fold_counts(600))).await;
    assert!(both.iter().all(Result::is_ok), "{both:?}");
    assert_eq!(counts(&tenant).await, before);
}

async fn a_broker_that_changed_nothing_adds_nothing_up(backend: Backend) {
    if backend.kind() == "sqlite" {
        // A SQLite file has one broker.
        return;
    }
    let tenant = Tenant::on(&backend).await;
    many(&tenant).await;
    let other = backend.open_as_it_is().await;
    assert_eq!(
        other.fold_counts(COUNT_CHANGES_MAX).await.unwrap(),
        0,
        "only within {COUNT_CHANGES_AGE_MAX:?} of a commit"
    );
}
