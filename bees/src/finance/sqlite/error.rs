//! Converts errors of SQLite to those of the state of record.

use apiary_executor_sdk::Fault;
use apiary_protocol::fault::of_sqlite;

use super::super::error::RecordError;

/// Converts an error. Result codes: <https://www.sqlite.org/rescode.html>; the low byte is the primary one.
pub(super) fn of(error: sqlx::Error) -> RecordError {
    let sqlx::Error::Database(error) = &error else {
        return RecordError::unavailable(error.to_string());
    };
    let code: i64 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    let what = error.message().to_owned();
    match (of_sqlite(code), code & 0xff) {
        (Fault::Again, _) => RecordError::Contended { code: format!("SQLite {code}") },
        // SQLITE_CONSTRAINT
        (Fault::Document, 19) => RecordError::Conflict { code: format!("SQLite {code}"), what },
        (Fault::Document, _) => RecordError::Refused { code: format!("SQLite {code}"), what },
        // SQLITE_ERROR (a missing table), CORRUPT, NOTADB: the file is damaged.
        (Fault::Surroundings, 1 | 11 | 26) => RecordError::Damaged { what },
        // SQLITE_NOMEM, READONLY, IOERR, FULL, CANTOPEN and the like: a fault of the disk or the machine.
        (Fault::Surroundings, _) => RecordError::unavailable(what),
    }
}
