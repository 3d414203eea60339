//! Health of a colony: it reads enough to report every problem, within a fixed bound.

use std::fmt::Write as _;

use apiary_store::limits::{FAILED_PARENTS_SCANNED, HEALTH_CHILDREN_MAX, HEALTH_COUNT_MAX, HEALTH_ROWS_MAX};
use apiary_store::model::{Lane, NewProcess, ProcessState, RunningType, WaitingType};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{DONE, NOW, Tenant, failure};

on_each_store!(
    what_waits_is_told_by_lane_the_oldest_first,
    running_work_is_told_by_its_type_the_longest_run_first,
    a_lane_is_counted_up_to_its_share,
    sorts_are_told_of_so_many_of_the_first,
    failures_are_counted_up_to_a_bound,
    an_old_failed_parent_is_found_behind_many_newer_failures,
    children_of_a_failed_parent_are_counted_up_to_a_bound,
);

mod plan {
    use sqlx::postgres::PgConnection;
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

    /// Statements of a read of the health, with their numbers of parameters.
    const STATEMENTS: [(&str, usize); 5] = [
        (include_str!("../../broker/store-postgres/src/colonies/get_health.sql"), 3),
        (include_str!("../../broker/store-postgres/src/colonies/get_health_failures.sql"), 3),
        (include_str!("../../broker/store-postgres/src/colonies/get_health_waits.sql"), 3),
        (include_str!("../../broker/store-postgres/src/dependencies/failed.sql"), 4),
        (include_str!("../../broker/store-postgres/src/executors/explain.sql"), 3),
    ];

    #[tokio::test]
    async fn no_look_at_health_reads_a_table_from_end_to_end() {
        let backend = apiary_tests::Backend::postgres().await;
        backend.open().await;
        let mut connection = PgConnection::connect(&backend.url()).await.unwrap();
        connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
        for (number, (sql, parameters)) in STATEMENTS.into_iter().enumerate() {
            let nulls = vec!["NULL"; parameters].join(", ");
            let prepare = format!("PREPARE look_{number} AS {sql}");
            connection.execute(AssertSqlSafe(prepare)).await.unwrap();
            let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE look_{number} ({nulls})"));
            let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
            let plan = plan.join("\n");
            for table in ["queue", "blocked", "finished", "dependencies", "specs", "attempts"] {
                assert!(!plan.contains(&format!("Seq Scan on {table}")), "{sql}\n{plan}");
            }
            // A hash join reads one side completely, which is fine for the few colonies.
            let plan = plan.replace("(lanes.colony = colony.key)", "");
            assert!(!plan.contains("Hash Cond: (") && !plan.contains("Merge Cond: ("), "{sql}\n{plan}");
        }
        connection.close().await.unwrap();
    }
}

async fn what_waits_is_told_by_lane_the_oldest_first(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    assert_eq!(store.waiting_types(None).await.unwrap(), []);
    let waits = async |tenant: &Tenant, executor_type: &str, since_ms: i64| {
        let executor_type = executor_type.to_owned();
        tenant.submit(NewProcess { executor_type, submitted_at_ms: since_ms, ..tenant.process() }).await;
    };
    for (executor_type, since_ms) in [("b", NOW + 2), ("a", NOW + 5), ("b", NOW + 4), ("c", NOW)] {
        waits(&tenant, executor_type, since_ms).await;
    }
    waits(&other, "a", NOW + 1).await;
    let told = |executor_type: &str, count, since_ms| WaitingType {
        executor_type: executor_type.to_owned(),
        count,
        is_cut: false,
        since_ms,
    };
    let (a, b, c) = (told("a", 1, NOW + 5), told("b", 2, NOW + 2), told("c", 1, NOW));
    let of = |tenant: &Tenant, waiting: &WaitingType| (tenant.colony.clone(), waiting.clone());
    let own = store.waiting_types(Some(tenant.colony.key)).await.unwrap();
    assert_eq!(own, [of(&tenant, &c), of(&tenant, &b), of(&tenant, &a)]);
    let theirs = of(&other, &told("a", 1, NOW + 1));
    assert_eq!(store.waiting_types(Some(other.colony.key)).await.unwrap(), std::slice::from_ref(&theirs));
    assert_eq!(store.waiting_types(None).await.unwrap(), [of(&tenant, &c), theirs, of(&tenant, &b), of(&tenant, &a)]);
}

async fn running_work_is_told_by_its_type_the_longest_run_first(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    assert_eq!(store.running_types().await.unwrap(), []);
    for (owner, at_ms) in [(&tenant, NOW + 2), (&tenant, NOW + 5), (&other, NOW + 1)] {
        owner.submit(owner.process()).await;
        let claimed = owner.claim_at(&owner.bee(&format!("bee-{at_ms}")).await, 1, at_ms).await;
        assert_eq!(claimed[0].waiting_since_ms, Some(NOW), "the claim tells since when it waited");
    }
    let executor_type = tenant.process().executor_type;
    let told = RunningType { executor_type, count: 3, since_ms: NOW + 1 };
    assert_eq!(store.running_types().await.unwrap(), [told]);
}

async fn a_lane_is_counted_up_to_its_share(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (share, few) = (HEALTH_ROWS_MAX / 2, 3);
    waiting(&backend, &tenant, "few", few).await;
    waiting(&backend, &tenant, "many", share + 1).await;
    let told = tenant.store.waiting_types(Some(tenant.colony.key)).await.unwrap();
    let mut told: Vec<_> = told.into_iter().map(|(_, one)| (one.executor_type, one.count, one.is_cut)).collect();
    told.sort();
    assert_eq!(told, [("few".to_owned(), few, false), ("many".to_owned(), share, true)]);
}

async fn sorts_are_told_of_so_many_of_the_first(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    waiting(&backend, &tenant, "many", 12).await;
    let lane = Lane { colony: tenant.colony.key, executor_type: "many".to_owned() };
    for (rows, count) in [(5, 5), (100, 12)] {
        let sorts = tenant.store.waiting_sorts(&lane, rows).await.unwrap();
        assert_eq!(sorts.iter().map(|sort| sort.count).collect::<Vec<_>>(), [count]);
    }
}

async fn failures_are_counted_up_to_a_bound(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let last = failed_parent(&tenant).await;
    finished(&backend, &tenant, "dead_letter", NOW - 10, HEALTH_COUNT_MAX + 5).await;
    let failures = tenant.store.troubles(tenant.colony.key, NOW).await.unwrap().failures;
    let told: Vec<_> = failures.iter().map(|one| (one.state, one.count, one.last)).collect();
    assert_eq!(told, [(ProcessState::DeadLetter, HEALTH_COUNT_MAX, last)]);
}

async fn an_old_failed_parent_is_found_behind_many_newer_failures(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let parent = failed_parent(&tenant).await;
    let child = tenant.submit(NewProcess { parents: vec![parent], ..tenant.process() }).await;
    for state in ["dead_letter", "failed"] {
        finished(&backend, &tenant, state, NOW + 10, FAILED_PARENTS_SCANNED + 1).await;
    }
    assert_eq!(tenant.state(child).await, ProcessState::Blocked);
    let parents = tenant.store.troubles(tenant.colony.key, NOW).await.unwrap().parents;
    let told: Vec<_> = parents.iter().map(|one| (one.process_id, one.count, one.since_ms)).collect();
    assert_eq!(told, [(parent, 1, NOW)]);
}

async fn children_of_a_failed_parent_are_counted_up_to_a_bound(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (one, other, running) = (failed_parent(&tenant).await, failed_parent(&tenant).await, Uuid::now_v7());
    let count = usize::try_from(HEALTH_CHILDREN_MAX).unwrap();
    let child = |parent: &Uuid| NewProcess { parents: vec![*parent], ..tenant.process() };
    let mut children: Vec<NewProcess> = std::iter::repeat_n(&one, count + 1).map(child).collect();
    children.extend([&other, &other, &running].map(child));
    tenant.store.submit(&children, NOW).await.unwrap();
    let parents = tenant.store.troubles(tenant.colony.key, NOW).await.unwrap().parents;
    let told: Vec<_> = parents.iter().map(|one| (one.process_id, one.count)).collect();
    assert_eq!(told, [(one, HEALTH_CHILDREN_MAX), (other, 2)]);
}

/// Creates a dead letter.
async fn failed_parent(tenant: &Tenant) -> Uuid {
    let bee = tenant.bee(&format!("bee-{}", Uuid::now_v7())).await;
    let process_id = tenant.submit(tenant.process()).await;
    let mut failed = failure(tenant.claim_one(&bee, NOW).await);
    failed.next = ProcessState::DeadLetter;
    assert_eq!(tenant.store.fail(&[failed], NOW).await.unwrap(), [DONE]);
    process_id
}

/// Inserts rows of processes that wait for this type.
async fn waiting(backend: &Backend, tenant: &Tenant, executor_type: &str, count: i64) {
    let columns = "process_id, colony, priority_time_us, since_ms, attempt, retries_spent, executor_type, function";
    let colony = tenant.colony.key.0;
    let row = |id: &str, number: i64| format!("({id}, {colony}, {number}, {NOW}, 0, 0, '{executor_type}', 'f')");
    insert(backend, &format!("queue ({columns})"), count, row).await;
}

/// Inserts rows of processes that ended at this time.
async fn finished(backend: &Backend, tenant: &Tenant, state: &str, at_ms: i64, count: i64) {
    let columns = "process_id, colony, finished_at_ms, attempt, retries_spent, state, reason";
    let colony = tenant.colony.key.0;
    let row = |id: &str, _: i64| format!("({id}, {colony}, {at_ms}, 1, 0, '{state}', 'no')");
    insert(backend, &format!("finished ({columns})"), count, row).await;
}

async fn insert(backend: &Backend, table: &str, count: i64, row: impl Fn(&str, i64) -> String) {
    let numbers: Vec<i64> = (0..count).collect();
    for part in numbers.chunks(1000) {
        let mut rows = String::new();
        for number in part {
            let id = Uuid::now_v7().simple();
            let id = if backend.kind() == "postgres" { format!("'{id}'::uuid") } else { format!("x'{id}'") };
            let comma = if rows.is_empty() { "" } else { ", " };
            write!(rows, "{comma}{}", row(&id, *number)).unwrap();
        }
        backend.execute(&format!("INSERT INTO {table} VALUES {rows}")).await;
    }
}
