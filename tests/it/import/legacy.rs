//! An older queue for tests: a Postgres of its own with the table, and helpers to check the imported processes.

use std::time::Duration;

use apiary_adapters::legacy::{Import, ImportEnd, LegacyError, LegacyFile, LegacyTable, Mapping, Report};
use apiary_executor_sdk::{Client, v1};
use apiary_identity::Spec;
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// The columns of such tables.
pub(super) const TABLE: &str = "CREATE TABLE colony_tasks (
    id uuid PRIMARY KEY, status text, priority text, command jsonb, max_retries int, retry_count int,
    created_at timestamptz, assigned_to text, colony text
)";

/// Creates a database, and runs this SQL in it.
pub(super) async fn database(sql: &str) -> Backend {
    let database = Backend::postgres().await;
    database.execute(sql).await;
    database
}

/// Builds a mapping for a source named `old`, for the executor type `t`.
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
pub(super) async fn import(user: &Client, database: &Backend, mapping: Mapping) -> ImportEnd {
    let table = open(database, &mapping).await.unwrap();
    Import::new(mapping, user.clone()).run(table.into()).await
}

/// Imports a dump.
pub(super) async fn import_dump(user: &Client, dump: &str, mapping: Mapping) -> ImportEnd {
    let file = LegacyFile::new(std::io::Cursor::new(dump.to_owned().into_bytes()));
    Import::new(mapping, user.clone()).run(file.into()).await
}

/// Returns the report of an import, which must have read its source to the end.
#[track_caller]
pub(super) fn whole(ended: ImportEnd) -> Report {
    assert!(ended.cut_short.is_none(), "{:?}", ended.cut_short);
    ended.report
}

/// Returns the numbers submitted, existed and failed.
pub(super) fn taken(report: &Report) -> (u64, u64, u64) {
    (report.submitted, report.existed, report.failed)
}

/// Returns the report's problem with the row of this id.
#[track_caller]
pub(super) fn problem<'a>(report: &'a Report, row: &str) -> &'a str {
    let found = report.problems.iter().find(|problem| problem.row == row);
    &found.unwrap_or_else(|| panic!("row {row} is not listed: {:?}", report.problems)).problem
}

/// Returns the specs of all waiting processes, in the order in which they are handed out.
pub(super) async fn waiting(colony: &TestColony) -> Vec<Spec> {
    let bee = colony.executor("bee", "t").await;
    let leases = claim(&bee, "t", 1000, Duration::ZERO).await;
    let envelope = |lease: &v1::Lease| apiary_executor_sdk::wire::envelope_from_proto(lease.spec.as_ref().unwrap());
    leases.iter().map(|lease| envelope(lease).unwrap().open().unwrap()).collect()
}

/// Counts the colony's processes, up to a thousand.
pub(super) async fn processes(reader: &Client) -> usize {
    let request = v1::ListProcessesRequest { page_size: 1000, ..v1::ListProcessesRequest::default() };
    reader.list_processes(request).await.unwrap().processes.len()
}

/// Reads a text from the database.
pub(super) async fn text(database: &Backend, sql: &str) -> String {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
}
