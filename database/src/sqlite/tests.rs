//! Tests of transactions that fail, are dropped, or meet a busy file.

use sqlx::query;

use super::*;

async fn writer(folder: &tempfile::TempDir) -> SqliteWriter {
    let options = SqliteConnectOptions::new().filename(folder.path().join("file.db")).create_if_missing(true);
    let writer = SqliteWriter::new(options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal));
    let mut transaction = writer.begin().await.unwrap();
    transaction.script("CREATE TABLE notes (note TEXT PRIMARY KEY)").await.unwrap();
    transaction.commit().await.unwrap();
    // A temporary table exists as long as its connection, so that it identifies the connection.
    let mut transaction = writer.begin().await.unwrap();
    transaction.script("CREATE TEMP TABLE mark (one)").await.unwrap();
    transaction.commit().await.unwrap();
    writer
}

async fn add(transaction: &mut SqliteTransaction, note: &str) -> Result<u64, Error> {
    transaction.changed(query("INSERT INTO notes VALUES (?1)").bind(note.to_owned())).await
}

async fn is_same_connection(writer: &SqliteWriter) -> bool {
    writer.begin().await.unwrap().rows(query("SELECT * FROM mark")).await.is_ok()
}

async fn notes(writer: &SqliteWriter) -> Vec<String> {
    let mut beside = writer.connect().await.unwrap();
    sqlx::query_scalar("SELECT note FROM notes ORDER BY note").fetch_all(&mut beside).await.unwrap()
}

#[tokio::test]
async fn a_transaction_dropped_without_a_commit_is_rolled_back_at_once_and_its_connection_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder).await;
    for _ in 0..3 {
        let mut transaction = writer.begin().await.unwrap();
        add(&mut transaction, "dropped").await.unwrap();
        drop(transaction);
        // Another connection is not blocked: its busy handler waits for the rollback that was sent.
        let mut beside = writer.connect().await.unwrap();
        beside.execute(raw_sql("BEGIN IMMEDIATE; ROLLBACK")).await.unwrap();
    }
    assert_eq!(notes(&writer).await, Vec::<String>::new());
    assert!(is_same_connection(&writer).await);
}

#[tokio::test]
async fn a_connection_on_which_a_statement_failed_is_dropped_and_nothing_more_runs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder).await;
    let mut transaction = writer.begin().await.unwrap();
    add(&mut transaction, "a").await.unwrap();
    add(&mut transaction, "a").await.unwrap_err();
    add(&mut transaction, "b").await.unwrap_err();
    transaction.commit().await.unwrap_err();
    assert_eq!(notes(&writer).await, Vec::<String>::new());
    assert!(!is_same_connection(&writer).await);
}

#[tokio::test]
async fn a_connection_whose_commit_failed_is_dropped_and_the_next_commit_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder).await;
    let mut transaction = writer.begin().await.unwrap();
    transaction.script("CREATE TABLE pairs (note REFERENCES notes DEFERRABLE INITIALLY DEFERRED)").await.unwrap();
    transaction.commit().await.unwrap();
    for _ in 0..2 {
        let mut transaction = writer.begin().await.unwrap();
        transaction.changed(query("INSERT INTO pairs VALUES ('nobody')")).await.unwrap();
        transaction.commit().await.unwrap_err();
    }
    assert!(!is_same_connection(&writer).await);
    let mut transaction = writer.begin().await.unwrap();
    add(&mut transaction, "kept").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&writer).await, ["kept"]);
    assert_eq!(prove(&writer).await, Ok(()));
}

async fn prove(writer: &SqliteWriter) -> Result<(), String> {
    let write = async || {
        let mut transaction = writer.begin_small().await.map_err(|error| error.to_string())?;
        add(&mut transaction, "probe").await.map_err(|error| error.to_string())?;
        transaction.commit().await.map_err(|error| error.to_string())
    };
    writer
        .commits()
        .prove(std::time::Duration::from_secs(60), |words| format!("no room for work: {words}"), write)
        .await
}

#[tokio::test]
async fn work_that_finds_no_room_voids_the_proof_though_a_small_row_fits() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("file.db")).create_if_missing(true);
    let writer = SqliteWriter::new(options.pragma("max_page_count", "16"));
    let mut transaction = writer.begin().await.unwrap();
    transaction.script("CREATE TABLE notes (note TEXT PRIMARY KEY)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(prove(&writer).await, Ok(()), "a commit proves it");

    let mut transaction = writer.begin().await.unwrap();
    let error = add(&mut transaction, &"x".repeat(200_000)).await.unwrap_err();
    assert!(is_sqlite_full(&error), "{error}");
    drop(transaction);
    let mut small = writer.begin_small().await.unwrap();
    add(&mut small, "small").await.unwrap();
    small.commit().await.unwrap();
    let words = prove(&writer).await.unwrap_err();
    assert!(words.contains("no room for work"), "{words}");

    let mut transaction = writer.begin().await.unwrap();
    add(&mut transaction, "work").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(prove(&writer).await, Ok(()), "work that finds room proves it");
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_any_more_ends_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder).await;
    let mut transaction = writer.begin().await.unwrap();
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) \
                INSERT INTO notes SELECT i FROM n";
    let abandoned = timeout(std::time::Duration::from_millis(1), transaction.changed(query(slow))).await;
    assert!(abandoned.is_err(), "it was too quick to be abandoned");
    drop(transaction);
    assert!(!is_same_connection(&writer).await);
    assert_eq!(notes(&writer).await, Vec::<String>::new());
}
