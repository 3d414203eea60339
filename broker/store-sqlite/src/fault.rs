//! Errors of SQLite, sorted by their remedy.

use apiary_database::{is_sqlite_full, sqlite_primary_code};
use apiary_protocol::Fault;
use apiary_protocol::fault::of_sqlite;
use apiary_store::StoreError;

/// Sorts an error by its result code, with the classifier that every part of Apiary uses.
pub(super) fn sorted(error: sqlx::Error) -> StoreError {
    // A full disk can also appear as an I/O error: when the shared memory of the connections cannot grow.
    let code = if is_sqlite_full(&error) { Some(FULL) } else { sqlite_primary_code(&error) };
    let words = error.to_string();
    match error {
        sqlx::Error::Database(error) => of_code(code, error.message()),
        // Not the fault of the call: transactions are short, so a long queue for the writer means a slow disk.
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

/// Returns the error for a full disk.
pub(super) fn full(words: String) -> StoreError {
    StoreError::Unavailable(format!("{words}: the disk is full; make room"))
}

/// Returns true if the file is not a SQLite database.
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    sqlite_primary_code(error) == Some(NOTADB)
}

const ERROR: i64 = 1;
const NOMEM: i64 = 7;
const READONLY: i64 = 8;
const IOERR: i64 = 10;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const CANTOPEN: i64 = 14;
const NOTADB: i64 = 26;

fn of_code(code: Option<i64>, message: &str) -> StoreError {
    let words = match code {
        Some(code) => format!("{message} (SQLite result code {code})"),
        None => message.to_owned(),
    };
    // An error without a code comes from the driver, not from the document.
    match code.map_or(Fault::Surroundings, of_sqlite) {
        Fault::Again => StoreError::Unavailable(format!(
            "{words}: another program holds the file; a backup should use `VACUUM INTO`"
        )),
        Fault::Document => StoreError::Refused(words),
        Fault::Surroundings => surroundings(code, message, words),
    }
}

/// Returns the error for a fault of the file, its disk or its rights, which fails every call alike.
fn surroundings(code: Option<i64>, message: &str, words: String) -> StoreError {
    match code {
        Some(FULL) => full(words),
        Some(READONLY) => StoreError::Unavailable(format!(
            "{words}: let the broker's user write the file and its folder, and check whether the disk is mounted read-only"
        )),
        Some(CORRUPT | NOTADB) => StoreError::Trouble(format!("{words}: restore the file from a backup")),
        // SQLite has no code of its own for a missing table: only the message tells it from other errors of a statement.
        Some(ERROR) if message.contains("no such table") => StoreError::Schema(format!(
            "{words}: the file has no schema for this broker; run `apiary broker --migrate`"
        )),
        Some(NOMEM | IOERR | CANTOPEN) => StoreError::Unavailable(words),
        _ => StoreError::Trouble(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_classifier_holds_against_the_document_is_refused() {
        for code in 0..=255 {
            let error = of_code(Some(code), "no");
            let is_documents = of_sqlite(code) == Fault::Document;
            assert_eq!(matches!(error, StoreError::Refused(_)), is_documents, "{code}: {error}");
        }
    }

    #[test]
    fn the_advice_fits_the_code() {
        for (code, message, advice) in [
            (5, "database is locked", "another program holds the file"),
            (8, "attempt to write a readonly database", "mounted read-only"),
            (11, "database disk image is malformed", "restore the file from a backup"),
            (13, "database or disk is full", "make room"),
            (1, "no such table: specs", "run `apiary broker --migrate`"),
        ] {
            let words = of_code(Some(code), message).to_string();
            assert!(words.contains(advice), "{words}");
        }
    }
}
