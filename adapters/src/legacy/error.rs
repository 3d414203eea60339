//! Errors that prevent or end an import. A fault of a single row is a [`Problem`](super::Problem) instead.

use apiary_executor_sdk::ClientError;

/// Reasons why an import did not start or ended early. Never holds a URL, a password or a row's contents. The import
/// can be run again in every case: rows already submitted are recognised by their idempotency key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LegacyError {
    /// An invalid setting; nothing was read.
    #[error("{0}")]
    Setting(String),
    /// No table `colony_tasks` is visible to the role.
    #[error(
        "{0} has no table `colony_tasks` visible to this role: check the database in the URL, name the schema, and \
         see that the role may read it"
    )]
    NoTable(String),
    /// The table's database is unreachable or temporarily unavailable.
    #[error(
        "the database of `colony_tasks` is not available: {0}; run the import again: it skips rows that are already \
         submitted"
    )]
    Unavailable(String),
    /// The source is unreadable, from the start or from some row on.
    #[error("`colony_tasks` cannot be read: {0}")]
    Unreadable(String),
    /// The broker is unreachable, or rejects this caller whatever the row.
    #[error(transparent)]
    Broker(#[from] ClientError),
}

impl LegacyError {
    /// Converts an error of sqlx. Passes on the database's message, but not its details, because these quote rows.
    pub(super) fn sql(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(error) => Self::Setting(format!("the URL cannot be used: {error}")),
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                let words = format!("{} ({code})", error.message());
                // PostgreSQL documentation, appendix A: connection, resources, limits, operator, system.
                match code.get(..2) {
                    Some("08" | "53" | "54" | "57" | "58") => Self::Unavailable(words),
                    _ => Self::Unreadable(words),
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Unavailable(error.to_string()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}
