//! Retention: finished processes leave by time, a range at once, and what must be kept is passed over.

use apiary_store::limits::RETENTION_HOLDS_MAX;
use apiary_store::model::{
    AttributeBatch, AttributeKind, ColonyKey, LogBatch, LogLevel, NewAttribute, NewLogLine, NewProcess, ProcessState,
    RangeResult, Report, RetentionBacklog, RetentionHold, RetentionRange, SubmitResult,
};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{Bee, DONE, NOW, Tenant, cancellation, completion, failure, signature};

on_each_store!(
    what_is_finished_and_old_leaves_and_nothing_else,
    a_range_goes_on_behind_what_is_kept,
    a_range_ends_with_a_whole_millisecond,
    what_others_wait_for_stays_until_they_do_not,
    what_was_redriven_meanwhile_stays,
    everything_that_belongs_to_a_process_leaves_with_it,
    a_spec_is_remembered_only_while_it_could_be_submitted_again,
    a_hold_keeps_what_finished_at_its_time_or_later,
    a_hold_moves_forward_and_never_back,
    a_backlog_says_what_keeps_it,
);

/// A range of everything that finished in a state by [`NOW`].
pub(crate) fn range(colony: ColonyKey, state: ProcessState) -> RetentionRange {
    RetentionRange { colony, state, after_ms: -1, until_ms: NOW, rows: 1000, now_ms: NOW, record_after_ms: NOW }
}

/// Submits a process and ends it.
async fn finished(tenant: &Tenant, bee: &Bee, process: NewProcess, state: ProcessState, now_ms: i64) -> Uuid {
    let process_id = tenant.submit(process).await;
    let lease = tenant.claim_one(bee, now_ms).await;
    assert_eq!(lease.process_id, process_id);
    let ends = if state == ProcessState::Succeeded {
        tenant.store.complete(&[completion(lease, "{}")], now_ms).await
    } else {
        let mut failed = failure(lease);
        (failed.next, failed.retries_spent) = (state, 3);
        tenant.store.fail(&[failed], now_ms).await
    };
    assert_eq!(ends.unwrap(), [DONE]);
    process_id
}

async fn succeeded(tenant: &Tenant, bee: &Bee, now_ms: i64) -> Uuid {
    finished(tenant, bee, tenant.process(), ProcessState::Succeeded, now_ms).await
}

fn keyed(tenant: &Tenant, key: &str, until_ms: i64) -> NewProcess {
    NewProcess { idempotency: Some((key.to_owned(), until_ms)), ..tenant.process() }
}

async fn delete(tenant: &Tenant, range: RetentionRange) -> RangeResult {
    tenant.store.delete_past(&range).await.unwrap().expect("nobody else is deleting")
}

async fn is_there(tenant: &Tenant, process_id: Uuid) -> bool {
    tenant.store.get_process(tenant.colony.key, process_id).await.unwrap().is_some()
}

async fn what_is_finished_and_old_leaves_and_nothing_else(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let states = [ProcessState::Succeeded, ProcessState::Failed, ProcessState::DeadLetter];
    let mut ids = Vec::new();
    for tenant in [&tenant, &other] {
        let bee = tenant.bee("bee").await;
        for state in states {
            ids.push(finished(tenant, &bee, tenant.process(), state, NOW).await);
        }
    }
    let late = succeeded(&tenant, &tenant.bee("late").await, NOW + 1).await;
    let waiting = tenant.submit(tenant.process()).await;
    let colony = tenant.colony.key;
    for (number, state) in states.into_iter().enumerate() {
        let past = async |until_ms, fronts: &[(ColonyKey, i64)]| {
            let mut past = store.past_retention(state, until_ms, fronts).await.unwrap();
            past.sort_by_key(|(colony, _)| colony.0);
            past
        };
        assert_eq!(past(NOW - 1, &[]).await, []);
        assert_eq!(past(NOW, &[]).await, [(colony, NOW), (other.colony.key, NOW)]);
        assert_eq!(past(NOW, &[(colony, NOW - 1), (other.colony.key, NOW)]).await, [(colony, NOW)]);
        let early = RetentionRange { until_ms: NOW - 1, ..range(colony, state) };
        assert_eq!(delete(&tenant, early).await, RangeResult { read: 0, deleted: 0, last_ms: None });
        let all = delete(&tenant, range(colony, state)).await;
        assert_eq!(all, RangeResult { read: 1, deleted: 1, last_ms: Some(NOW) });
        assert!(!is_there(&tenant, ids[number]).await && is_there(&other, ids[number + 3]).await, "{state:?}");
    }
    assert!(is_there(&tenant, late).await && is_there(&tenant, waiting).await);
}

async fn a_range_goes_on_behind_what_is_kept(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let process = if number < 4 { keyed(&tenant, &number.to_string(), NOW + 100) } else { tenant.process() };
        ids.push(finished(&tenant, &bee, process, ProcessState::Succeeded, NOW + number).await);
    }
    let mut next = RetentionRange { rows: 2, until_ms: NOW + 5, ..range(tenant.colony.key, ProcessState::Succeeded) };
    for deleted in [0, 0, 2] {
        let result = delete(&tenant, next).await;
        assert_eq!((result.read, result.deleted), (2, deleted));
        next.after_ms = result.last_ms.unwrap();
    }
    assert_eq!(delete(&tenant, next).await, RangeResult { read: 0, deleted: 0, last_ms: None });
    for (number, id) in ids.into_iter().enumerate() {
        assert_eq!(is_there(&tenant, id).await, number < 4, "process {number}");
    }
    let later = RetentionRange { now_ms: NOW + 100, after_ms: -1, rows: 1000, ..next };
    assert_eq!(delete(&tenant, later).await.deleted, 4, "the keys have ended");
}

async fn a_range_ends_with_a_whole_millisecond(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for now_ms in [NOW, NOW + 1, NOW + 1, NOW + 1, NOW + 2] {
        succeeded(&tenant, &bee, now_ms).await;
    }
    let some = RetentionRange { rows: 2, until_ms: NOW + 9, ..range(tenant.colony.key, ProcessState::Succeeded) };
    assert_eq!(delete(&tenant, some).await, RangeResult { read: 4, deleted: 4, last_ms: Some(NOW + 1) });
    let rest = RetentionRange { after_ms: NOW + 1, ..some };
    assert_eq!(delete(&tenant, rest).await, RangeResult { read: 1, deleted: 1, last_ms: Some(NOW + 2) });
}

async fn what_others_wait_for_stays_until_they_do_not(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = finished(&tenant, &bee, tenant.process(), ProcessState::Failed, NOW).await;
    let other = finished(&tenant, &bee, tenant.process(), ProcessState::Failed, NOW).await;
    let child = tenant.submit(tenant.child(&[parent])).await;
    let range = range(tenant.colony.key, ProcessState::Failed);
    assert_eq!(delete(&tenant, range).await, RangeResult { read: 2, deleted: 1, last_ms: Some(NOW) });
    assert!(is_there(&tenant, parent).await && !is_there(&tenant, other).await);
    tenant.store.cancel(tenant.colony.key, &[child], &cancellation(NOW), NOW, None).await.unwrap();
    assert_eq!(delete(&tenant, range).await.deleted, 1);
    assert_eq!(backend.number("SELECT count(*) FROM dependencies").await, 1);
    let range = RetentionRange { state: ProcessState::Cancelled, ..range };
    assert_eq!(delete(&tenant, range).await.deleted, 1);
    assert_eq!(backend.number("SELECT count(*) FROM dependencies").await, 0, "they belong to the child");
}

async fn what_was_redriven_meanwhile_stays(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let process_id = finished(&tenant, &bee, tenant.process(), ProcessState::DeadLetter, NOW).await;
    let (colony, range) = (tenant.colony.key, range(tenant.colony.key, ProcessState::DeadLetter));
    tenant.store.redrive(colony, &[process_id], NOW + 1, None).await.unwrap();
    assert_eq!(delete(&tenant, range).await.read, 0);
    let mut later = failure(tenant.claim_one(&bee, NOW + 2).await);
    later.next = ProcessState::DeadLetter;
    tenant.store.fail(&[later], NOW + 2).await.unwrap();
    assert_eq!(delete(&tenant, range).await.read, 0, "it finished anew");
    assert!(is_there(&tenant, process_id).await);
}

async fn everything_that_belongs_to_a_process_leaves_with_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, store, colony) = (tenant.bee("bee").await, &tenant.store, tenant.colony.key);
    let process_id = tenant.submit(keyed(&tenant, "key", NOW + 1)).await;
    let first = tenant.claim_one(&bee, NOW).await;
    let mut again = failure(first);
    again.next = ProcessState::Waiting;
    store.fail(&[again], NOW).await.unwrap();
    let lease = tenant.claim_one(&bee, NOW).await;
    let (payload, signature) = ("{}".into(), signature(7));
    let report = Report { lease, number: 1, percent: None, message: None, has_checkpoint: false, payload, signature };
    store.report(&[report], NOW).await.unwrap();
    let line = NewLogLine { time_ms: NOW, level: LogLevel::Info, message: "begun".to_owned(), fields: None };
    store.add_logs(&[LogBatch { lease, colony, lines: vec![line] }], NOW).await.unwrap();
    let attribute = NewAttribute { kind: AttributeKind::Out, key: "total".to_owned(), value: "1".to_owned() };
    store.set_attributes(&[AttributeBatch { lease, attributes: vec![attribute] }], NOW).await.unwrap();
    store.complete(&[completion(lease, "{}")], NOW).await.unwrap();
    let tables = ["progress", "logs", "log_totals", "attributes", "attempts", "idempotency_keys", "finished", "specs"];
    for table in tables {
        assert!(backend.number(&format!("SELECT count(*) FROM {table}")).await > 0, "{table}");
    }
    let range = RetentionRange { now_ms: NOW + 1, ..range(colony, ProcessState::Succeeded) };
    assert_eq!(delete(&tenant, range).await.deleted, 1);
    for table in tables {
        assert_eq!(backend.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert!(!is_there(&tenant, process_id).await);
}

async fn a_spec_is_remembered_only_while_it_could_be_submitted_again(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let [over, open] = [NOW, NOW + 1].map(|submit_by_ms| NewProcess { submit_by_ms, ..tenant.process() });
    for process in [&over, &open] {
        finished(&tenant, &bee, process.clone(), ProcessState::Failed, NOW).await;
    }
    let replaced = NewProcess { submit_by_ms: NOW - 1, ..tenant.process() };
    let replaced = finished(&tenant, &bee, replaced, ProcessState::Failed, NOW).await;
    tenant.store.replace(tenant.colony.key, replaced, Uuid::now_v7(), NOW).await.unwrap();
    assert_eq!(delete(&tenant, range(tenant.colony.key, ProcessState::Failed)).await.deleted, 3);
    let answers = tenant.store.submit(&[over, open], NOW).await.unwrap();
    let new = SubmitResult::New { state: ProcessState::Waiting };
    assert_eq!(answers[0], new);
    assert_ne!(answers[1], new);
    assert_eq!(backend.number("SELECT count(*) FROM deleted").await, 2);
    let kept = "SELECT count(*) FROM deleted WHERE replaced_by IS NOT NULL AND forget_at_ms = ";
    assert_eq!(backend.number(&format!("{kept}{NOW}")).await, 1, "children may look for the replacement");
}

async fn a_hold_keeps_what_finished_at_its_time_or_later(backend: Backend) {
    let store = backend.open().await;
    let (tenant, other) = (Tenant::in_store(&store, "meadow").await, Tenant::in_store(&store, "desert").await);
    let bee = tenant.bee("bee").await;
    for number in 0..4 {
        succeeded(&tenant, &bee, NOW + number).await;
    }
    succeeded(&other, &other.bee("bee").await, NOW).await;
    let colony = tenant.colony.key;
    let hold = |name: &str, from_ms| RetentionHold { name: name.to_owned(), from_ms };
    for (name, from_ms) in [("audit", NOW + 3), ("accounts", NOW + 1)] {
        assert_eq!(store.set_retention_hold(colony, &hold(name, from_ms)).await.unwrap(), Some(from_ms));
    }
    let holds = store.list_retention_holds(colony).await.unwrap();
    assert_eq!(holds, [hold("accounts", NOW + 1), hold("audit", NOW + 3)]);
    let all = RetentionRange { until_ms: NOW + 9, ..range(colony, ProcessState::Succeeded) };
    assert_eq!(delete(&tenant, all).await, RangeResult { read: 1, deleted: 1, last_ms: Some(NOW) });
    assert_eq!(delete(&tenant, all).await.read, 0);
    store.set_retention_hold(colony, &hold("accounts", NOW + 9)).await.unwrap();
    assert_eq!(delete(&tenant, all).await, RangeResult { read: 2, deleted: 2, last_ms: Some(NOW + 2) });
    assert!(store.remove_retention_hold(colony, "audit").await.unwrap());
    assert!(!store.remove_retention_hold(colony, "audit").await.unwrap());
    assert_eq!(delete(&tenant, all).await.deleted, 1);
    let theirs = RetentionRange { until_ms: NOW + 9, ..range(other.colony.key, ProcessState::Succeeded) };
    assert_eq!(delete(&other, theirs).await.deleted, 1, "a hold is one colony's");
}

async fn a_hold_moves_forward_and_never_back(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let set = async |name: &str, from_ms| {
        let hold = RetentionHold { name: name.to_owned(), from_ms };
        tenant.store.set_retention_hold(tenant.colony.key, &hold).await.unwrap()
    };
    assert_eq!(set("archive", 5).await, Some(5));
    assert_eq!(set("archive", 3).await, Some(5));
    assert_eq!(set("archive", 7).await, Some(7));
    for number in 1..RETENTION_HOLDS_MAX {
        assert_eq!(set(&number.to_string(), 1).await, Some(1));
    }
    assert_eq!(set("one more", 1).await, None);
    assert_eq!(set("archive", 8).await, Some(8), "moving a hold needs no room");
}

async fn a_backlog_says_what_keeps_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let range = range(tenant.colony.key, ProcessState::DeadLetter);
    let none = RetentionBacklog { first_ms: None, free: 0, keys: 0, children: 0 };
    assert_eq!(tenant.store.retention_backlog(&range).await.unwrap(), none);
    let dead = async |process, now_ms| finished(&tenant, &bee, process, ProcessState::DeadLetter, now_ms).await;
    dead(keyed(&tenant, "key", NOW + 1), NOW - 4).await;
    let parent = dead(tenant.process(), NOW - 3).await;
    tenant.submit(tenant.child(&[parent])).await;
    for now_ms in [NOW - 2, NOW - 1, NOW + 1] {
        dead(tenant.process(), now_ms).await;
    }
    let backlog = tenant.store.retention_backlog(&range).await.unwrap();
    assert_eq!(backlog, RetentionBacklog { first_ms: Some(NOW - 2), free: 2, keys: 1, children: 1 });
    let few = RetentionRange { rows: 2, ..range };
    let backlog = tenant.store.retention_backlog(&few).await.unwrap();
    assert_eq!(backlog, RetentionBacklog { keys: 1, children: 1, ..none });
    let later = RetentionRange { after_ms: NOW - 2, ..range };
    let backlog = tenant.store.retention_backlog(&later).await.unwrap();
    assert_eq!(backlog, RetentionBacklog { first_ms: Some(NOW - 1), free: 1, ..none });
}

mod postgres_only {
    use apiary_tests::eventually;
    use sqlx::postgres::PgConnection;
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

    use super::*;

    const LOCK: &str = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('apiary.retention', 0))";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_broker_deletes_at_a_time_and_a_new_hold_waits_for_it() {
        let backend = Backend::postgres().await;
        let tenant = Tenant::on(&backend).await;
        succeeded(&tenant, &tenant.bee("bee").await, NOW).await;
        let colony = tenant.colony.key;
        let other = backend.hold(LOCK).await;
        assert_eq!(tenant.store.delete_past(&range(colony, ProcessState::Succeeded)).await.unwrap(), None);
        let store = tenant.store.clone();
        let set = tokio::spawn(async move {
            store.set_retention_hold(colony, &RetentionHold { name: "archive".to_owned(), from_ms: NOW }).await
        });
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        eventually("the hold waits", async || (backend.number(waits).await == 1).then_some(())).await;
        other.end().await;
        assert_eq!(set.await.unwrap().unwrap(), Some(NOW));
        assert_eq!(delete(&tenant, range(colony, ProcessState::Succeeded)).await.read, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_redriven_or_discarded_while_its_row_is_waited_for_stays() {
        let backend = Backend::postgres().await;
        let tenant = Tenant::on(&backend).await;
        let bee = tenant.bee("bee").await;
        for change in ["DELETE FROM apiary.finished", "UPDATE apiary.finished SET state = 'failed', finished_at_ms = 0"]
        {
            finished(&tenant, &bee, tenant.process(), ProcessState::DeadLetter, NOW).await;
            let mut other = PgConnection::connect(&backend.url()).await.unwrap();
            other.execute(AssertSqlSafe(format!("BEGIN; {change}"))).await.unwrap();
            let (store, range) = (tenant.store.clone(), range(tenant.colony.key, ProcessState::DeadLetter));
            let deleted = tokio::spawn(async move { store.delete_past(&range).await });
            let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted";
            eventually("the deletion waits", async || (backend.number(waits).await == 1).then_some(())).await;
            other.execute("COMMIT").await.unwrap();
            let result = deleted.await.unwrap().unwrap().unwrap();
            assert_eq!((result.read, result.deleted), (1, 0), "{change}");
            other.close().await.unwrap();
        }
        assert_eq!(backend.number("SELECT count(*) FROM specs").await, 2);
    }

    #[tokio::test]
    async fn ranges_are_read_in_their_order_whatever_the_statistics_say() {
        let statements = [
            (include_str!("../../broker/store-postgres/src/retention/delete_past.sql"), 7),
            (include_str!("../../broker/store-postgres/src/retention/backlog.sql"), 6),
            (include_str!("../../broker/store-postgres/src/retention/past_retention.sql"), 4),
        ];
        let backend = Backend::postgres().await;
        let tenant = Tenant::on(&backend).await;
        let mut connection = PgConnection::connect(&backend.url()).await.unwrap();
        connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
        for state in ["of no statistics", "of an empty table", "of a full table"] {
            for (number, (sql, parameters)) in statements.into_iter().enumerate() {
                let name = format!("{}_{number}", state.replace(' ', "_"));
                connection.execute(AssertSqlSafe(format!("PREPARE {name} AS {sql}"))).await.unwrap();
                let nulls = vec!["NULL"; parameters].join(", ");
                let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {name} ({nulls})"));
                let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
                let plan = plan.join("\n");
                assert!(!plan.contains("Seq Scan on"), "{state}: {plan}");
                assert!(!plan.contains("Sort Key: finished"), "{state}: {plan}");
                // The one join, of colonies and fronts, may be of any sort.
                let joins = |line: &&str| line.contains("Cond: (") && !line.contains("front.colony");
                let joined: Vec<&str> = plan.lines().filter(joins).collect();
                let joined = joined.join("\n");
                assert!(!joined.contains("Hash Cond") && !joined.contains("Merge Cond"), "{state}: {plan}");
            }
            if state == "of no statistics" {
                connection.execute("ANALYZE").await.unwrap();
            } else {
                let bee = tenant.bee(&state.replace(' ', "-")).await;
                for number in 0..20 {
                    finished(&tenant, &bee, keyed(&tenant, &number.to_string(), NOW), ProcessState::Succeeded, NOW)
                        .await;
                }
                connection.execute("ANALYZE").await.unwrap();
            }
        }
        connection.close().await.unwrap();
    }
}
