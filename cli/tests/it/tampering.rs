//! Tests that `apiary process verify` detects every alteration of the database, and locates it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::path::Path;

use apiary_tests::altered;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::local::Local;
use crate::scene::Scene;

/// Broken links, each with the alteration of the database that breaks it for process `?1`.
const ALTERATIONS: [(&str, &str); 15] = [
    ("spec", "UPDATE specs SET payload = substr(payload, 1, 40) WHERE process_id = ?1"),
    ("spec", "UPDATE specs SET signature = zeroblob(64) WHERE process_id = ?1"),
    ("spec", "UPDATE specs SET signature = x'00' WHERE process_id = ?1"),
    ("spec", "UPDATE specs SET function = 'sleep' WHERE process_id = ?1"),
    ("spec", "UPDATE specs SET executor_type = 'finance' WHERE process_id = ?1"),
    ("spec", "UPDATE specs SET priority = 7 WHERE process_id = ?1"),
    (
        "spec",
        "UPDATE specs SET submitter = (SELECT key FROM grants WHERE name = 'stripe-adapter') WHERE process_id = ?1",
    ),
    ("attempt 1", "UPDATE attempts SET result_payload = substr(result_payload, 1, 40) WHERE process_id = ?1"),
    ("attempt 1", "UPDATE attempts SET result_signature = zeroblob(64) WHERE process_id = ?1"),
    ("attempt 1", "UPDATE attempts SET result_payload = NULL, result_signature = NULL WHERE process_id = ?1"),
    ("attempt 1", "UPDATE attempts SET ending = 'failed' WHERE process_id = ?1"),
    (
        "attempt 1",
        "UPDATE attempts SET executor = (SELECT key FROM grants WHERE name = 'finance') WHERE process_id = ?1",
    ),
    ("attempts", "UPDATE attempts SET attempt = 2 WHERE process_id = ?1"),
    ("result", "DELETE FROM attempts WHERE process_id = ?1"),
    ("result", "UPDATE finished SET state = 'failed' WHERE process_id = ?1"),
];

#[test]
fn every_altered_byte_breaks_its_link() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    for (link, sql) in ALTERATIONS {
        let process_id = local.echo(r#"{"hello":"world"}"#);
        local.run(&["process", "verify", &process_id]).ok();
        alter(&scene.path("data/broker.db"), sql, Some(&process_id));
        expect_broken(&local, &process_id, link, sql);
    }
    for (link, table, column) in [("spec", "specs", "payload"), ("attempt 1", "attempts", "result_payload")] {
        let process_id = local.echo(r#"{"hello":"world"}"#);
        alter_document(&scene.path("data/broker.db"), table, column, &process_id, "world", "w0rld");
        expect_broken(&local, &process_id, link, column);
    }
}

#[test]
fn an_altered_grant_breaks_the_chain_of_all_that_rests_on_it() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let process_id = local.echo("1");
    let database = scene.path("data/broker.db");
    let widen =
        "UPDATE grants SET payload = CAST(replace(CAST(payload AS TEXT), '\"operator\"', '\"operatoR\"') AS BLOB)";
    alter(&database, widen, None);
    expect_broken(&local, &process_id, "grant", widen);
    // A colony whose grants somebody altered does not start as if nothing had happened.
    assert_eq!(local.stop().0, Some(0));
    let words = crate::local::refusal_with(&scene, 6);
    assert!(words.contains("not what the colony signed") && words.contains("backup"), "{words}");
}

#[track_caller]
fn expect_broken(local: &Local, process_id: &str, link: &str, sql: &str) {
    let ran = local.run(&["process", "verify", process_id]);
    assert_eq!(ran.code, 6, "{sql}\n{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(&format!("is broken at its {link}:")), "{sql}\n{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("BROKEN"), "{}", ran.stdout);
}

/// Writes to the broker's database, as an attacker with access to the disk would.
pub(crate) fn alter(database: &Path, sql: &str, process_id: Option<&str>) {
    on(database, async |mut connection| {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        if let Some(process_id) = process_id {
            query = query.bind(process_id.parse::<uuid::Uuid>().unwrap());
        }
        assert!(query.execute(&mut connection).await.unwrap().rows_affected() > 0, "nothing was altered by: {sql}");
        connection.close().await.unwrap();
    });
}

/// Replaces text in a document, as an attacker who knows how documents are stored would.
pub(crate) fn alter_document(database: &Path, table: &str, column: &str, process_id: &str, from: &str, to: &str) {
    on(database, async |mut connection| {
        let process_id: uuid::Uuid = process_id.parse().unwrap();
        let select = format!("SELECT {column} FROM {table} WHERE process_id = ?1");
        let select = sqlx::query_scalar(sqlx::AssertSqlSafe(select)).bind(process_id);
        let stored: Vec<u8> = select.fetch_one(&mut connection).await.unwrap();
        let update = format!("UPDATE {table} SET {column} = ?2 WHERE process_id = ?1");
        let update = sqlx::query(sqlx::AssertSqlSafe(update)).bind(process_id);
        update.bind(altered(&stored, from, to)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn on(database: &Path, run: impl AsyncFnOnce(SqliteConnection)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = SqliteConnectOptions::new().filename(database);
    runtime.block_on(async { run(SqliteConnection::connect_with(&options).await.unwrap()).await });
}
