//! A state of record in a SQLite file of its own.

use std::path::PathBuf;
use std::sync::Arc;

use apiary_bees::finance::{Record as _, SqliteRecord};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, query, raw_sql};
use tempfile::TempDir;

use super::state::{State, TABLES, texts};

/// A SQLite record, and the folder that it is in.
pub(crate) struct File {
    pub(crate) record: Arc<SqliteRecord>,
    folder: TempDir,
}

impl File {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        Self { record: Arc::new(record), folder }
    }

    /// A file as the first version of the bee left it, with these rows.
    pub(crate) async fn of_version_1(rows: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("finance.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let schema = include_str!("../../../src/finance/sqlite/schema.sql");
        for script in [schema, rows] {
            raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        Self { record: Arc::new(SqliteRecord::open(&path).await.unwrap()), folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("finance.db")
    }

    /// Closes the file and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        self.record.close().await;
        let record = SqliteRecord::open(&self.path()).await.unwrap();
        Self { record: Arc::new(record), ..self }
    }

    /// A connection past the record.
    pub(crate) async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) async fn state(&self) -> State {
        let mut connection = self.connect().await;
        let mut tables = Vec::new();
        for table in TABLES {
            tables.push(texts(&query(table).fetch_all(&mut connection).await.unwrap()));
        }
        State::new(self.record.as_ref(), tables).await
    }
}
