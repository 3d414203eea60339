//! The spool's file, opened beside the adapter that holds it: what was set aside, for an operator.
//!
//! SQLite lets several processes in, one of them writing at a time. The adapter notices what was changed here, and counts anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_database::{SqliteTransaction, SqliteWriter};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Row as _, query};

use super::{SetAside, database};
use crate::SpoolError;
use crate::limits::SET_ASIDE_LIST_MAX;

/// The file of a spool, beside the adapter that holds the spool, or while none does.
#[derive(Debug)]
pub struct SpoolFile {
    database: SqliteWriter,
    path: PathBuf,
}

/// A filter of events; an absent part lets all pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAsideFilter {
    /// The exact reason of the refusal.
    pub reason: Option<String>,
    /// A part of the event's key.
    pub key_part: Option<String>,
}

impl SpoolFile {
    /// Opens the file in a spool's folder.
    ///
    /// # Errors
    ///
    /// A folder without a spool, and a file that is of another program or version.
    pub async fn open(folder: &Path) -> Result<Self, SpoolError> {
        let path = folder.join(database::FILE);
        if !path.is_file() {
            return Err(SpoolError::NoSpool(folder.to_owned()));
        }
        let options =
            SqliteConnectOptions::new().filename(&path).create_if_missing(false).busy_timeout(Duration::from_secs(5));
        let file = Self { database: SqliteWriter::new(options), path };
        let mut transaction = file.begin().await?;
        match database::check_kind(&mut transaction, &file.path).await? {
            true => file.end(transaction).await.map(|()| file),
            false => Err(SpoolError::NoSpool(folder.to_owned())),
        }
    }

    /// Lists what was set aside, oldest first, up to a thousand.
    ///
    /// # Errors
    ///
    /// SQLite's error.
    pub async fn list(&self, filter: &SetAsideFilter) -> Result<Vec<SetAside>, SpoolError> {
        let list = query(include_str!("list_set_aside.sql"))
            .bind(SET_ASIDE_LIST_MAX)
            .bind(filter.reason.clone())
            .bind(filter.key_part.clone());
        let mut transaction = self.begin().await?;
        let rows = transaction.rows(list).await.map_err(|error| self.sql(&error))?;
        self.end(transaction).await?;
        rows.iter().map(event).collect::<Result<_, _>>().map_err(|error| self.sql(&error))
    }

    /// Returns one event that was set aside, and its unsigned spec as JSON; `None` if there is no such event.
    ///
    /// # Errors
    ///
    /// SQLite's error.
    pub async fn show(&self, key: &str) -> Result<Option<(SetAside, Vec<u8>)>, SpoolError> {
        let mut transaction = self.begin().await?;
        let show = query(include_str!("show_set_aside.sql")).bind(key.to_owned());
        let row = transaction.row(show).await.map_err(|error| self.sql(&error))?;
        self.end(transaction).await?;
        let read = row.map(|row| Ok((event(&row)?, row.try_get("spec")?))).transpose();
        read.map_err(|error: sqlx::Error| self.sql(&error))
    }

    /// Puts an event back at the end of the line; false if there is no such event.
    ///
    /// # Errors
    ///
    /// SQLite's error. Nothing was changed then.
    pub async fn retry(&self, key: &str) -> Result<bool, SpoolError> {
        let mut transaction = self.begin().await?;
        let back = query(include_str!("retry_one.sql")).bind(key.to_owned());
        transaction.changed(back).await.map_err(|error| self.sql(&error))?;
        let gone = self.forget(&mut transaction, key).await?;
        self.end(transaction).await.map(|()| gone)
    }

    /// Forgets an event for good; false if there is no such event.
    ///
    /// # Errors
    ///
    /// SQLite's error. Nothing was changed then.
    pub async fn delete(&self, key: &str) -> Result<bool, SpoolError> {
        let mut transaction = self.begin().await?;
        let gone = self.forget(&mut transaction, key).await?;
        self.end(transaction).await.map(|()| gone)
    }

    async fn forget(&self, transaction: &mut SqliteTransaction, key: &str) -> Result<bool, SpoolError> {
        let forget = query(include_str!("delete_set_aside.sql")).bind(key.to_owned());
        transaction.changed(forget).await.map(|rows| rows > 0).map_err(|error| self.sql(&error))
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

    /// Closes the file. Dropped instead, it is closed some time later.
    pub async fn close(self) {
        self.database.close().await;
    }
}

/// An event that was set aside, as a row has it.
pub(super) fn event(row: &SqliteRow) -> Result<SetAside, sqlx::Error> {
    Ok(SetAside {
        idempotency_key: row.try_get("idempotency_key")?,
        received_ms: row.try_get("received_ms")?,
        refused_ms: row.try_get("refused_ms")?,
        reason: row.try_get("reason")?,
        message: row.try_get("message")?,
    })
}
