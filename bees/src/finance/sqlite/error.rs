//! What SQLite reports, in the terms of the state of record.

use super::super::error::RecordError;

/// Result codes: <https://www.sqlite.org/rescode.html>; the low byte is the primary one.
pub(super) fn of(error: sqlx::Error) -> RecordError {
    let sqlx::Error::Database(error) = &error else {
        return RecordError::unavailable(error.to_string());
    };
    let code: i64 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    let what = error.message().to_owned();
    match code & 0xff {
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => RecordError::Contended { code: format!("SQLite {code}") },
        // SQLITE_CONSTRAINT
        19 => RecordError::Conflict { code: format!("SQLite {code}"), what },
        // SQLITE_NOMEM, READONLY, IOERR, FULL, CANTOPEN: of the disk and the machine, not of the event.
        7 | 8 | 10 | 13 | 14 => RecordError::unavailable(what),
        // SQLITE_ERROR (a table that is missing), CORRUPT, NOTADB: of the file, and not of the event either.
        1 | 11 | 26 => RecordError::Damaged { what },
        _ => RecordError::Refused { code: format!("SQLite {code}"), what },
    }
}
