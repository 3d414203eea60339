//! Copies of the database file, made beside a running broker.

use std::path::Path;

use apiary_database::BackupFile;
use apiary_store::{StoreError, StoreResult};
use sqlx::{Connection as _, query};

use crate::file;

/// Copies the database in `path` to the file `into`, readable by its owner only, as it is at one moment. Returns the copy's size in bytes.
/// A broker may run meanwhile.
///
/// # Errors
/// [`StoreError::Open`] if the database is missing, or none of ours; [`StoreError::Trouble`] if the copy cannot be written.
pub async fn back_up(path: &Path, into: &Path) -> StoreResult<u64> {
    let trouble = |error: &dyn std::fmt::Display| {
        StoreError::Trouble(format!("it cannot be copied to {}: {error}", into.display()))
    };
    if !path.exists() {
        return Err(StoreError::Open(format!("{}: there is no such file", path.display())));
    }
    let mut connection = file::connect(path).await?;
    // SQLite writes into an empty file, whose mode stays.
    let copy = BackupFile::create(into).map_err(|error| trouble(&error))?;
    let target = copy.path().to_str().ok_or_else(|| trouble(&"its path is not UTF-8"))?.to_owned();
    query(include_str!("connections/copy.sql"))
        .bind(target)
        .execute(&mut connection)
        .await
        .map_err(|error| trouble(&error))?;
    connection.close().await.map_err(|error| trouble(&error))?;
    copy.keep().map_err(|error| trouble(&error))
}
