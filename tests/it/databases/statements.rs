//! Prepared statements of a session: kept for the next run, or planned anew each time.

use std::time::Duration;

use apiary_database::{PostgresPool, PostgresPoolOptions, Sql, query, read_url};
use apiary_tests::Backend;
use sqlx::Row as _;

const KEPT: Sql = Sql::new("kept.sql", "SELECT 1 AS kept_one");
const ANEW: Sql = Sql::new("anew.sql", "SELECT 1 AS planned_anew");
const PREPARED: Sql = Sql::new("prepared.sql", "SELECT statement FROM pg_prepared_statements");

#[tokio::test]
async fn a_statement_that_is_to_be_planned_anew_is_not_kept() {
    let backend = Backend::postgres().await;
    let options = PostgresPoolOptions {
        connections_max: 1,
        acquire_time_max: Duration::from_secs(30),
        answer_time_max: Duration::from_secs(30),
        session_settings: String::new(),
        transaction_settings: String::new(),
        has_transaction_pooler: false,
    };
    let pool = PostgresPool::new(read_url(&backend.url()).unwrap(), options);
    let mut session = pool.session().await.unwrap();
    session.rows(query(KEPT)).await.unwrap();
    session.rows(query(ANEW).persistent(false)).await.unwrap();
    let prepared = session.rows(query(PREPARED)).await.unwrap();
    let prepared: Vec<String> = prepared.iter().map(|row| row.get("statement")).collect();
    let has = |word: &str| prepared.iter().any(|statement| statement.contains(word));
    assert!(has("kept_one") && !has("planned_anew"), "{prepared:?}");
    drop(session);
    pool.close().await;
}
