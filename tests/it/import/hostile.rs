//! Hostile rows, tables and databases: reported, bounded, and harmless.

use apiary_adapters::legacy::{LegacyError, LegacyTable};
use apiary_tests::TestColony;

use super::legacy::{TABLE, database, import, import_dump, mapping, open, problem, taken, text, waiting, whole};

on_each_store!(
    bad_rows_of_a_postgres_table_are_named_and_stop_no_other,
    bad_rows_of_a_dump_are_named_and_stop_no_other,
    a_dump_that_breaks_off_is_taken_as_far_as_it_goes,
    a_postgres_table_of_other_types_and_columns_is_read_all_the_same
);

async fn bad_rows_of_a_postgres_table_are_named_and_stop_no_other(colony: TestColony) {
    // No keys, no checks, and columns of the names that the statements use themselves.
    let old = database(
        "CREATE TABLE colony_tasks (id text, status text, priority text, command text, max_retries text,
             legacy_task text, found text, absent text, since text, own_id text, fields text);
         INSERT INTO colony_tasks (id, status, command, priority, max_retries) VALUES
             ('good', 'pending', '{\"function\":\"f\",\"args\":1}', NULL, '2'),
             (NULL, 'pending', '{\"function\":\"f\"}', NULL, NULL),
             ('no json', 'pending', 'rm -rf', NULL, NULL),
             ('half', 'pending', '{\"function\":\"f\"', NULL, NULL),
             ('twice', 'pending', '{\"function\":\"f\",\"function\":\"g\"}', NULL, NULL),
             ('nul', 'pending', '{\"function\":\"a\\u0000b\"}', NULL, NULL),
             ('surrogate', 'pending', '{\"function\":\"\\ud800\"}', NULL, NULL),
             ('priority', 'pending', '{\"function\":\"f\"}', '1e9', NULL),
             ('retries', 'pending', '{\"function\":\"f\"}', NULL, '99999999999999999999'),
             ('name', 'pending', '{\"function\":\"; DROP TABLE colony_tasks\"}', NULL, NULL),
             ('huge', 'pending', '{\"function\":\"f\",\"args\":\"' || repeat('x', 5000000) || '\"}', NULL, NULL),
             ('args', 'pending', '{\"function\":\"f\",\"args\":\"' || repeat('x', 1100000) || '\"}', NULL, NULL),
             ('deep', 'pending', '{\"function\":\"deep\",\"args\":' || repeat('[', 200000) || repeat(']', 200000) || '}',
              NULL, NULL),
             (repeat('x', 300), 'pending', '{\"function\":\"f\"}', NULL, NULL),
             ('status', repeat('s', 100000), '{\"function\":\"f\"}', NULL, NULL)",
    )
    .await;
    let report = whole(import(&colony.user("ada").await, &old, mapping()).await);
    assert_eq!((report.rows, taken(&report), report.unknown), (15, (2, 0, 12), 1));
    for (row, named) in [
        ("a row without `id`", "`id`"),
        ("no json", "`command`"),
        ("half", "`command`"),
        ("twice", "twice"),
        ("nul", "NUL"),
        ("surrogate", "`function`"),
        ("priority", "`priority`"),
        ("retries", "`max_retries`"),
        ("name", "function"),
        ("huge", "bytes as JSON"),
        ("args", "args"),
    ] {
        assert!(problem(&report, row).contains(named), "{row}: {}", problem(&report, row));
    }
    let specs = waiting(&colony).await;
    let mut functions: Vec<_> = specs.iter().map(|spec| spec.function.as_str()).collect();
    functions.sort_unstable();
    assert_eq!(functions, ["deep", "f"]);
    let deep = specs.iter().find(|spec| spec.function == "deep").unwrap();
    assert_eq!(deep.args().to_bytes().unwrap().len(), 400_000, "bytes are bytes, however deep");
}

async fn bad_rows_of_a_dump_are_named_and_stop_no_other(colony: TestColony) {
    let dump = format!(
        "{{\"id\":1,\"status\":\"pending\",\"function\":\"f\"}}\nnonsense\n[1]\n\
         {{\"id\":2,\"id\":3,\"status\":\"pending\",\"function\":\"f\"}}\n\
         {{\"id\":{{}},\"status\":\"pending\",\"function\":\"f\"}}\n\
         {{\"id\":4,\"status\":[\"pending\"],\"function\":\"f\"}}\n\
         {{\"id\":5,\"status\":\"pending\",\"function\":\"f\",\"x\":\"{}\"}}\n\
         {}{}\n\
         {{\"id\":\"a\\u0000\",\"status\":\"pending\",\"function\":\"f\"}}\n\
         {{\"id\":6,\"status\":\"pending\",\"function\":\"f\"}}",
        "x".repeat(4_000_000),
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000),
    );
    let report = whole(import_dump(&colony.user("ada").await, &dump, mapping()).await);
    assert_eq!((report.rows, taken(&report)), (10, (2, 0, 8)));
    for (row, named) in [
        ("line 2", "JSON"),
        ("line 3", "JSON"),
        ("line 4", "twice"),
        ("line 5", "`id`"),
        ("4", "`status`"),
        ("line 7", "bytes"),
    ] {
        assert!(problem(&report, row).contains(named), "{row}: {}", problem(&report, row));
    }
}

async fn a_dump_that_breaks_off_is_taken_as_far_as_it_goes(colony: TestColony) {
    let dump = r#"[{"id":1,"status":"pending","function":"f"}, {"id":2,"status":"pen"#;
    let ended = import_dump(&colony.user("ada").await, dump, mapping()).await;
    assert_eq!(taken(&ended.report), (1, 0, 0));
    assert!(matches!(ended.cut_short, Some(LegacyError::Unreadable(_))), "{:?}", ended.cut_short);
}

async fn a_postgres_table_of_other_types_and_columns_is_read_all_the_same(colony: TestColony) {
    let old = database(
        "CREATE TYPE state AS ENUM ('waiting', 'cancelled');
         CREATE TABLE colony_tasks (id bigint PRIMARY KEY, status state, priority numeric, command json, created_at bigint,
             \"what \"\"else\" bytea, tags text[]);
         INSERT INTO colony_tasks VALUES
             (9007199254740993, 'waiting', 7, '{\"name\": \"f\", \"params\": {\"a\" :\"\\u0000\"}}', 2, '\\x00', '{a}'),
             (-2, 'waiting', NULL, '{\"name\": \"f\", \"params\": 1e400}', 1, NULL, NULL),
             (3, 'cancelled', NULL, NULL, NULL, NULL, NULL)",
    )
    .await;
    let report = whole(import(&colony.user("ada").await, &old, mapping()).await);
    assert_eq!((report.rows, taken(&report), report.skipped), (3, (2, 0, 0), 1));
    assert_eq!(report.left_out.keys().collect::<Vec<_>>(), ["column `tags`", "column `what \"else`"]);
    let specs = waiting(&colony).await;
    assert_eq!(specs[0].labels["legacy_id"], "9007199254740993");
    assert_eq!(&specs[0].args().to_bytes().unwrap()[..], b"{\"a\" :\"\\u0000\"}");
    assert_eq!(&specs[1].args().to_bytes().unwrap()[..], b"1e400");
}

#[tokio::test]
async fn a_postgres_table_that_would_write_when_read_cannot() {
    let old = database(
        "CREATE TABLE read_by (n int);
         CREATE FUNCTION note() RETURNS text LANGUAGE sql VOLATILE
             AS 'INSERT INTO read_by VALUES (1) RETURNING ''pending''';
         CREATE VIEW colony_tasks AS SELECT 1 AS id, note() AS status, 'f'::text AS function",
    )
    .await;
    let Err(error) = open(&old, &mapping()).await else { panic!("a read-only transaction writes") };
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(text(&old, "SELECT count(*)::text FROM read_by").await, "0");
}

#[tokio::test]
async fn a_postgres_that_cannot_be_used_is_told_without_its_password() {
    let old = database("CREATE TABLE other (id int)").await;
    let error = async |url: String| match LegacyTable::open(&url.into(), None, &mapping()).await {
        Ok(_) => panic!("it opens"),
        Err(error) => error,
    };
    assert!(matches!(error(old.url()).await, LegacyError::NoTable(_)));
    old.execute("CREATE TABLE colony_tasks (id int)").await;
    let missing = error(old.url()).await.to_string();
    assert!(missing.contains("`status`"), "{missing}");
    let nobody = error("postgres://u:sesame@127.0.0.1:1/d".to_owned()).await;
    assert!(matches!(nobody, LegacyError::Unavailable(_)), "{nobody}");
    let (server, _) = old.url().rsplit_once('/').map(|(server, name)| (server.to_owned(), name.to_owned())).unwrap();
    let no_such = error(format!("{server}/no_such_database?password=sesame")).await;
    for error in [nobody, no_such] {
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    }
    old.execute(&format!(
        "DROP TABLE colony_tasks; {TABLE}; INSERT INTO colony_tasks (id, status)
        SELECT gen_random_uuid(), n::text FROM generate_series(1, 300) AS n"
    ))
    .await;
    let many = error(old.url()).await.to_string();
    assert!(many.contains("different values"), "{many}");
}
