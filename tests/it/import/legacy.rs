//! An older queue for tests: a Postgres of its own with the table in it, and what its rows became.

use std::time::Duration;

use apiary_adapters::legacy::{Ended, Import, LegacyError, LegacyFile, LegacyTable, Mapping, Report};
use apiary_executor_sdk::{Client, v1};
use apiary_identity::Spec;
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// The columns that such tables have.
pub(super) const TABLE: &str = "CREATE TABLE colony_tasks (
    id uuid PRIMARY KEY, status text, priority text, command jsonb, max_retries int, retry_count int,
    created_at timestamptz, assigned_to text, colony text
)";

/// A database with what this SQL makes.
pub(super) async fn database(sql: &str) -> Backend {
    let database = Backend::postgres().await;
    database.execute(sql).await;
    database
}

/// A mapping for a source named `old`, for the executor type `t`.
pub(super) fn mapping() -> Mapping {
    let mut mapping = Mapping::new("old").unwrap();
    mapping.executor_type = Some("t".to_owned());
    mapping
}

/// Opens the table.
pub(super) async fn open(database: &Backend, mapping: &Mapping) -> Result<LegacyTable, LegacyError> {
    LegacyTable::open(&database.url().into(), None, mapping).await
}

/// Imports the table.
pub(super) async fn import(user: &Client, database: &Backend, mapping: Mapping) -> Ended {
    let table = open(database, &mapping).await.unwrap();
    Import::new(mapping, user.clone()).run(table.into()).await
}

/// Imports a dump.
pub(super) async fn import_dump(user: &Client, dump: &str, mapping: Mapping) -> Ended {
    let file = LegacyFile::new(std::io::Cursor::new(dump.to_owned().into_bytes()));
    Import::new(mapping, user.clone()).run(file.into()).await
}

/// The report of an import that read its source to the end.
#[track_caller]
pub(super) fn whole(ended: Ended) -> Report {
    assert!(ended.cut_short.is_none(), "{:?}", ended.cut_short);
    ended.report
}

/// Submitted, existed, failed.
pub(super) fn taken(report: &Report) -> (u64, u64, u64) {
    (report.submitted, report.existed, report.failed)
}

/// What is wrong with the row of this id, in the report's words.
#[track_caller]
pub(super) fn problem<'a>(report: &'a Report, row: &str) -> &'a str {
    let found = report.problems.iter().find(|problem| problem.row == row);
    &found.unwrap_or_else(|| panic!("row {row} is not listed: {:?}", report.problems)).problem
}

/// The specs of all processes that wait, in the order in which they are handed out.
pub(super) async fn waiting(colony: &TestColony) -> Vec<Spec> {
    let bee = colony.executor("bee", "t").await;
    let leases = claim(&bee, "t", 1000, Duration::ZERO).await;
    let envelope = |lease: &v1::Lease| apiary_executor_sdk::wire::envelope_from_proto(lease.spec.as_ref().unwrap());
    leases.iter().map(|lease| envelope(lease).unwrap().open().unwrap()).collect()
}

/// How many processes the colony has, up to a thousand.
pub(super) async fn processes(reader: &Client) -> usize {
    let request = v1::ListProcessesRequest { page_size: 1000, ..v1::ListProcessesRequest::default() };
    reader.list_processes(request).await.unwrap().processes.len()
}

/// One text out of the database.
pub(super) async fn text(database: &Backend, sql: &str) -> String {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
}
