//! Converts errors of sqlx to those of the state of record.

use super::super::error::RecordError;
use super::super::sqlstate;

/// Converts an error. Passes on the database's message, but not its details, because these quote rows.
pub(super) fn of(error: sqlx::Error) -> RecordError {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            sqlstate::error(&code, error.message())
        }
        sqlx::Error::Configuration(error) => RecordError::Setting(format!("DATABASE_URL cannot be used: {error}")),
        sqlx::Error::PoolTimedOut => RecordError::unavailable("no connection to Postgres within 5 s"),
        sqlx::Error::Tls(error) => RecordError::unavailable(format!("TLS with Postgres failed: {error}")),
        error @ (sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed) => RecordError::unavailable(error.to_string()),
        error => RecordError::Answer(error.to_string()),
    }
}
