//! `apiary import colony-tasks`: each pending task becomes a process, once.

use apiary_adapters::legacy::{Import, LegacyError, LegacyTable};
use apiary_identity::{KeyPair, Role, SystemClock};
use apiary_tests::{TestColony, eventually};

use super::legacy::{
    TABLE, database, import, import_dump, mapping, open, problem, processes, taken, text, waiting, whole,
};

on_each_store!(
    pending_rows_of_a_postgres_table_become_processes_once,
    rows_of_a_postgres_table_keep_their_order,
    an_import_from_postgres_that_broke_off_goes_on_where_it_ended,
    a_postgres_that_goes_away_ends_the_import_with_what_was_done,
    a_dump_and_the_postgres_table_it_is_of_are_the_same_source,
    a_dump_is_imported_once,
    a_dry_run_sends_nothing,
    running_rows_are_left_unless_asked_for,
    rows_of_one_colony_are_told_from_others_in_postgres,
    a_row_that_the_broker_refuses_stops_no_other,
    a_broker_that_takes_nothing_ends_the_import
);

/// Builds `count` pending rows, the first the oldest.
fn many(count: u32) -> String {
    format!(
        "{TABLE}; INSERT INTO colony_tasks (id, status, command, created_at)
         SELECT gen_random_uuid(), 'pending', json_build_object('function', 'f', 'args', n), to_timestamp(n)
         FROM generate_series(1, {count}) AS n"
    )
}

async fn pending_rows_of_a_postgres_table_become_processes_once(colony: TestColony) {
    let old = database(&format!(
        "{TABLE}; INSERT INTO colony_tasks VALUES
         ('00000000-0000-0000-0000-000000000001', 'pending', 'low',
          '{{\"function\": \"f\", \"args\": {{\"n\": 1}}}}', 7, 2, '2024-05-01T10:00:00Z', 'w1', 'shop'),
         ('00000000-0000-0000-0000-000000000002', 'Queued', 'critical',
          to_jsonb('{{\"type\":\"g\",\"payload\":[2.0]}}'::text), NULL, 0, NULL, NULL, NULL),
         ('00000000-0000-0000-0000-000000000003', 'running', NULL, '{{\"function\": \"f\"}}', 1, 0, NULL, 'w1', NULL),
         ('00000000-0000-0000-0000-000000000004', 'done', NULL, NULL, 1, 0, NULL, NULL, NULL),
         ('00000000-0000-0000-0000-000000000005', 'dead', 'nonsense', '7', -9, 0, NULL, NULL, NULL),
         ('00000000-0000-0000-0000-000000000006', 'paused', NULL, '{{\"function\": \"f\"}}', 1, 0, NULL, NULL, NULL)"
    ))
    .await;
    let content = "SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM colony_tasks AS t";
    let before = text(&old, content).await;
    let user = colony.user("ada").await;

    let report = whole(import(&user, &old, mapping()).await);
    assert_eq!((report.rows, taken(&report)), (6, (2, 0, 0)));
    assert_eq!((report.skipped, report.left, report.unknown), (2, 1, 1));
    let unknown = report.statuses.iter().find(|count| count.action == "unknown").unwrap();
    assert_eq!((unknown.status.as_str(), unknown.rows), ("paused", 1));

    let again = whole(import(&user, &old, mapping()).await);
    assert_eq!(taken(&again), (0, 2, 0));
    let ids = |report: &apiary_adapters::legacy::Report| {
        report.tasks.iter().map(|task| task.process_id.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&again), ids(&report));

    let specs = waiting(&colony).await;
    assert_eq!(specs.iter().map(|spec| spec.function.as_str()).collect::<Vec<_>>(), ["g", "f"], "by priority");
    let (critical, low) = (&specs[0], &specs[1]);
    assert_eq!(
        (critical.priority, critical.max_retries, &critical.args().to_bytes().unwrap()[..]),
        (10, 3, &b"[2.0]"[..])
    );
    assert_eq!((low.priority, low.max_retries, &low.args().to_bytes().unwrap()[..]), (-5, 7, &b"{\"n\": 1}"[..]));
    assert_eq!(low.labels["legacy_id"], "00000000-0000-0000-0000-000000000001");
    assert_eq!(low.labels["legacy_created_at"], "2024-05-01T10:00:00+00:00");
    assert_eq!(text(&old, content).await, before, "the table is as it was");

    // Also when the process is finished and its row still is pending.
    let bee = colony.client(&colony.key_of("bee"));
    for lease in apiary_tests::colony::claim(&bee, "t", 10, std::time::Duration::ZERO).await {
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    }
    assert_eq!(taken(&whole(import(&user, &old, mapping()).await)), (0, 2, 0));
}

async fn rows_of_a_postgres_table_keep_their_order(colony: TestColony) {
    let old = database(&many(200)).await;
    let report = whole(import(&colony.user("ada").await, &old, mapping()).await);
    assert_eq!(taken(&report), (200, 0, 0));
    let numbers: Vec<String> = waiting(&colony)
        .await
        .iter()
        .map(|spec| String::from_utf8(spec.args().to_bytes().unwrap().to_vec()).unwrap())
        .collect();
    assert_eq!(numbers, (1..=200).map(|number| number.to_string()).collect::<Vec<_>>());
}

async fn an_import_from_postgres_that_broke_off_goes_on_where_it_ended(colony: TestColony) {
    let old = database(&many(300)).await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let broken_off = tokio::select! {
        _ = import(&user, &old, mapping()) => false,
        () = eventually("some rows are submitted", async || (processes(&reader).await >= 10).then_some(())) => true,
    };
    assert!(broken_off, "the import is dropped in the middle of it");
    let table = open(&old, &mapping()).await.unwrap();
    let report = whole(Import::new(mapping(), user.clone()).parallel(8).run(table.into()).await);
    assert!(report.existed >= 10, "{}", report.existed);
    assert_eq!(report.submitted + report.existed, 300);
    assert_eq!(processes(&reader).await, 300, "and no row became two");
}

async fn a_postgres_that_goes_away_ends_the_import_with_what_was_done(colony: TestColony) {
    let old = database(&many(10)).await;
    let user = colony.user("ada").await;
    let table = open(&old, &mapping()).await.unwrap();
    old.cut_connections().await;
    let ended = Import::new(mapping(), user.clone()).run(table.into()).await;
    assert!(matches!(ended.cut_short, Some(LegacyError::Unavailable(_))), "{:?}", ended.cut_short);
    assert_eq!(taken(&ended.report), (0, 0, 0));
    assert_eq!(taken(&whole(import(&user, &old, mapping()).await)), (10, 0, 0));
}

async fn a_dump_and_the_postgres_table_it_is_of_are_the_same_source(colony: TestColony) {
    let old = database(&many(5)).await;
    let user = colony.user("ada").await;
    let lines = "SELECT string_agg(row_to_json(t)::text, E'\\n') FROM colony_tasks AS t";
    let array = "SELECT json_agg(t)::text FROM colony_tasks AS t";
    let report = whole(import_dump(&user, &text(&old, lines).await, mapping()).await);
    assert_eq!(taken(&report), (5, 0, 0));
    assert_eq!(taken(&whole(import_dump(&user, &text(&old, array).await, mapping()).await)), (0, 5, 0));
    assert_eq!(taken(&whole(import(&user, &old, mapping()).await)), (0, 5, 0));
    let mut other = apiary_adapters::legacy::Mapping::new("another").unwrap();
    other.executor_type = Some("t".to_owned());
    assert_eq!(taken(&whole(import(&user, &old, other).await)), (5, 0, 0), "another name is another source");
}

async fn a_dump_is_imported_once(colony: TestColony) {
    let dump = r#"[{"id": 1, "status": "pending", "function": "f", "created_at": 1700000000},
                   {"id": "b", "status": "retry", "command": "{\"action\":\"g\"}", "priority": 3},
                   {"id": 3, "status": "success"}]"#;
    let user = colony.user("ada").await;
    assert_eq!(taken(&whole(import_dump(&user, dump, mapping()).await)), (2, 0, 0));
    let report = whole(import_dump(&user, dump, mapping()).await);
    assert_eq!((taken(&report), report.skipped), ((0, 2, 0), 1));
    assert_eq!(waiting(&colony).await.len(), 2);
}

async fn a_dry_run_sends_nothing(colony: TestColony) {
    let dump = r#"{"id":1,"status":"pending","function":"f"}
                  {"id":2,"status":"pending","priority":"soon"}"#;
    let file = apiary_adapters::legacy::LegacyFile::new(std::io::Cursor::new(dump.as_bytes().to_vec()));
    let import = Import::dry_run(mapping(), colony.key.id(), std::sync::Arc::new(SystemClock));
    let report = whole(import.run(file.into()).await);
    assert!(report.dry_run);
    assert_eq!((report.to_submit, taken(&report)), (1, (0, 0, 1)));
    assert_eq!((report.tasks[0].id.as_str(), report.tasks[0].process_id.as_deref()), ("1", None));
    assert_eq!(processes(&colony.reader().await).await, 0);
}

async fn running_rows_are_left_unless_asked_for(colony: TestColony) {
    let dump = r#"{"id":1,"status":"running","function":"f"}
                  {"id":2,"status":"assigned","function":"f","assigned_to":"w"}"#;
    let user = colony.user("ada").await;
    let report = whole(import_dump(&user, dump, mapping()).await);
    assert_eq!((taken(&report), report.left), ((0, 0, 0), 2));
    let mut mapping = mapping();
    mapping.include_running = true;
    let report = whole(import_dump(&user, dump, mapping).await);
    assert_eq!((taken(&report), report.left), ((2, 0, 0), 0));
}

async fn rows_of_one_colony_are_told_from_others_in_postgres(colony: TestColony) {
    let old = database(
        "CREATE SCHEMA \"old stuff\"; CREATE TABLE \"old stuff\".colony_tasks (id bigint, status text, function text,
         colony text); INSERT INTO \"old stuff\".colony_tasks VALUES (1, 'pending', 'f', 'shop'),
         (2, 'pending', 'f', 'bank'), (3, 'pending', 'f', NULL), (4, 'done', 'f', 'shop'), (5, 'done', 'f', 'bank')",
    )
    .await;
    let mut mapping = mapping();
    mapping.from_colony = Some("shop".to_owned());
    let table = LegacyTable::open(&old.url().into(), Some("old stuff"), &mapping).await.unwrap();
    let report = whole(Import::new(mapping, colony.user("ada").await).run(table.into()).await);
    assert_eq!((report.rows, taken(&report), report.skipped, report.other_colony), (5, (1, 0, 0), 1, 3));
    assert_eq!(waiting(&colony).await[0].labels["legacy_id"], "1");
}

async fn a_row_that_the_broker_refuses_stops_no_other(colony: TestColony) {
    let dump = r#"{"id":1,"status":"pending","function":"f"}
                  {"id":2,"status":"pending","function":"g"}
                  {"id":3,"status":"pending","function":"f"}"#;
    let user = colony.grant("ada", Role::User, &["f"], &["t"], &[]).await;
    let report = whole(import_dump(&user, dump, mapping()).await);
    assert_eq!(taken(&report), (2, 0, 1));
    assert!(problem(&report, "2").contains("NOT_PERMITTED"), "{}", problem(&report, "2"));
}

async fn a_broker_that_takes_nothing_ends_the_import(colony: TestColony) {
    let dump = r#"{"id":1,"status":"pending","function":"f"}
                  {"id":2,"status":"pending","function":"f"}"#;
    let stranger = colony.client_for(KeyPair::generate().id(), &KeyPair::generate());
    let ended = import_dump(&stranger, dump, mapping()).await;
    let Some(LegacyError::Broker(error)) = ended.cut_short else { panic!("{:?}", ended.report) };
    assert_eq!(error.reason(), Some("COLONY_UNKNOWN"));
    assert_eq!((ended.report.submitted, ended.report.failed), (0, 0));
}
