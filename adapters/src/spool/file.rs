//! Access to the spool's file for an operator's commands, beside the adapter that uses it.
//!
//! SQLite admits several processes, one writer at a time. The adapter notices changes made here, and recounts.

use std::path::{Path, PathBuf};

use apiary_database::{SqliteTransaction, SqliteWriter};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Connection as _, Row as _, Sqlite, SqliteConnection, query};

use super::entry::{SpoolEntry, SpoolFilter, SpoolState, entry};
use super::{SetAside, database};
use crate::SpoolError;
use crate::limits::{SPOOL_FILE_WAIT_MAX, SPOOL_LIST_MAX};

/// A spool's file, opened while an adapter uses the spool, or while none does.
#[derive(Debug)]
pub struct SpoolFile {
    database: SqliteWriter,
    reading: SqliteConnectOptions,
    path: PathBuf,
}

impl SpoolFile {
    /// Opens the file in a spool's folder.
    ///
    /// # Errors
    ///
    /// A folder without a spool, or a file of another program or version.
    pub async fn open(folder: &Path) -> Result<Self, SpoolError> {
        let path = folder.join(database::FILE);
        if !path.is_file() {
            return Err(SpoolError::NoSpool(folder.to_owned()));
        }
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(false);
        let options = options.busy_timeout(SPOOL_FILE_WAIT_MAX);
        let reading = options.clone().read_only(true);
        let file = Self { database: SqliteWriter::new(options), reading, path };
        let found = file.read(|| query(include_str!("application.sql"))).await?;
        match database::kind(&file.path, found.first())? {
            true => Ok(file),
            false => Err(SpoolError::NoSpool(folder.to_owned())),
        }
    }

    /// Lists events, in the line and set aside, oldest first, up to a thousand.
    ///
    /// # Errors
    ///
    /// SQLite's error.
    pub async fn entries(&self, filter: &SpoolFilter) -> Result<Vec<SpoolEntry>, SpoolError> {
        let list = || {
            query(include_str!("list_events.sql"))
                .bind(SPOOL_LIST_MAX)
                .bind(filter.state.map(SpoolState::as_str))
                .bind(filter.reason.clone())
                .bind(filter.key_part.clone())
                .bind(filter.kind.clone())
                .bind(filter.received_from_ms)
                .bind(filter.received_until_ms)
                .bind(filter.id.clone())
        };
        self.read(list).await?.iter().map(entry).collect::<Result<_, _>>().map_err(|error| self.sql(&error))
    }

    /// Returns the unsigned spec of an event as JSON; `None` if it has left that state.
    ///
    /// # Errors
    ///
    /// SQLite's error.
    pub async fn spec(&self, entry: &SpoolEntry) -> Result<Option<Vec<u8>>, SpoolError> {
        let (key, state) = (&entry.idempotency_key, entry.state.as_str());
        let rows = self.read(|| query(include_str!("spec_of.sql")).bind(key.clone()).bind(state)).await?;
        rows.first().map(|row| row.try_get("spec")).transpose().map_err(|error: sqlx::Error| self.sql(&error))
    }

    /// Moves an event to the end of the line; false if there is none with this key.
    ///
    /// # Errors
    ///
    /// SQLite's error. Nothing was changed.
    pub async fn retry(&self, key: &str) -> Result<bool, SpoolError> {
        let mut transaction = self.begin().await?;
        let back = query(include_str!("retry_one.sql")).bind(key.to_owned());
        transaction.changed(back).await.map_err(|error| self.sql(&error))?;
        let gone = self.forget(&mut transaction, key).await?;
        self.end(transaction).await.map(|()| gone)
    }

    /// Deletes an event for good; false if there is none with this key.
    ///
    /// # Errors
    ///
    /// SQLite's error. Nothing was changed.
    pub async fn delete(&self, key: &str) -> Result<bool, SpoolError> {
        let mut transaction = self.begin().await?;
        let gone = self.forget(&mut transaction, key).await?;
        self.end(transaction).await.map(|()| gone)
    }

    async fn forget(&self, transaction: &mut SqliteTransaction, key: &str) -> Result<bool, SpoolError> {
        let forget = query(include_str!("delete_set_aside.sql")).bind(key.to_owned());
        transaction.changed(forget).await.map(|rows| rows > 0).map_err(|error| self.sql(&error))
    }

    /// Reads without a lock that would block the adapter. On a read-only disk, SQLite reads only if it is told that the
    /// file is immutable, which is true if no log waits to be moved into the file.
    async fn read<'q>(
        &self,
        question: impl Fn() -> Query<'q, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, SpoolError> {
        let error = match rows(&self.reading, question()).await {
            Ok(rows) => return Ok(rows),
            Err(error) => self.sql(&error),
        };
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        // An immutable read ignores the log, and would miss the commits in it.
        let is_settled = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
        if !matches!(error, SpoolError::NotWritable { .. }) || !is_settled {
            return Err(error);
        }
        rows(&self.reading.clone().immutable(true), question()).await.map_err(|error| self.sql(&error))
    }

    async fn begin(&self) -> Result<SqliteTransaction, SpoolError> {
        self.database.begin().await.map_err(|error| self.sql(&error))
    }

    async fn end(&self, transaction: SqliteTransaction) -> Result<(), SpoolError> {
        transaction.commit().await.map_err(|error| self.sql(&error))
    }

    fn sql(&self, error: &sqlx::Error) -> SpoolError {
        SpoolError::sql(&self.path, error)
    }

    /// Closes the file. A dropped one is closed some time later.
    pub async fn close(self) {
        self.database.close().await;
    }
}

/// Runs a query on a new connection.
async fn rows(
    options: &SqliteConnectOptions,
    question: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let rows = question.fetch_all(&mut connection).await;
    // Nothing was written, so an error at closing loses nothing.
    let _ = connection.close().await;
    rows
}

/// Converts a row to a set-aside event.
pub(super) fn event(row: &SqliteRow) -> Result<SetAside, sqlx::Error> {
    Ok(SetAside {
        idempotency_key: database::text(row, "idempotency_key")?,
        received_ms: row.try_get("received_ms")?,
        refused_ms: row.try_get("refused_ms")?,
        reason: database::text(row, "reason")?,
        message: database::text(row, "message")?,
    })
}
