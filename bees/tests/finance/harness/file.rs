//! A state of record in a SQLite file of its own.

use std::path::PathBuf;

use apiary_bees::finance::{Record as _, SqliteRecord};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, query};
use tempfile::TempDir;

use super::state::{CUSTOMERS, EVENTS, State, VERSIONS, texts};

/// A SQLite record, and the folder that it is in.
pub(crate) struct File {
    pub(crate) record: SqliteRecord,
    folder: TempDir,
}

impl File {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = SqliteRecord::open(&folder.path().join("finance.db")).await.unwrap();
        Self { record, folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("finance.db")
    }

    /// Closes the file and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        self.record.close().await;
        let record = SqliteRecord::open(&self.path()).await.unwrap();
        Self { record, ..self }
    }

    /// A connection past the record.
    pub(crate) async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) async fn state(&self) -> State {
        let mut connection = self.connect().await;
        let versions = query(VERSIONS).fetch_all(&mut connection).await.unwrap();
        let customers = query(CUSTOMERS).fetch_all(&mut connection).await.unwrap();
        let events = query(EVENTS).fetch_all(&mut connection).await.unwrap();
        State::new(&self.record, texts(&versions), texts(&customers), texts(&events)).await
    }
}
