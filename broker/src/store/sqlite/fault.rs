//! What went wrong in SQLite, sorted by what can be done about it.

use crate::store::StoreError;

/// Sorts an error by its primary result code (sqlite.org/rescode.html).
pub(super) fn sorted(error: sqlx::Error) -> StoreError {
    let words = error.to_string();
    match error {
        sqlx::Error::Database(error) => of_code(primary_code(&*error), error.message()),
        sqlx::Error::PoolTimedOut => StoreError::Unavailable(
            "the writer did not come free in time: the disk is too slow for this load".to_owned(),
        ),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            StoreError::Unavailable(words)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(words),
        _ => StoreError::Refused(words),
    }
}

/// Whether the file is no SQLite database at all.
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| primary_code(error) == Some(NOTADB))
}

const ERROR: i32 = 1;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    // The low byte; the rest refines it.
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

fn of_code(code: Option<i32>, message: &str) -> StoreError {
    let words = match code {
        Some(code) => format!("{message} (SQLite result code {code})"),
        None => message.to_owned(),
    };
    match code {
        Some(BUSY | LOCKED) => StoreError::Unavailable(format!(
            "{words}: another program holds the file; a backup should use `VACUUM INTO`"
        )),
        Some(FULL) => StoreError::Unavailable(format!("{words}: the disk is full; make room")),
        Some(IOERR | NOMEM | CANTOPEN) => StoreError::Unavailable(words),
        Some(READONLY) => StoreError::Unavailable(format!(
            "{words}: let the broker's user write the file and its folder, and look whether the disk is mounted read-only"
        )),
        Some(CORRUPT | NOTADB) => StoreError::Corrupt(format!("{words}: restore the file from a backup")),
        Some(ERROR) if message.contains("no such table") => StoreError::Schema(format!(
            "{words}: the file has no schema for this broker; run `apiary broker --migrate`"
        )),
        _ => StoreError::Refused(words),
    }
}
