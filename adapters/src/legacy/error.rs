//! Why an import could not begin, or ended early. What is wrong with one row is a [`Problem`](super::Problem) instead.

use apiary_executor_sdk::ClientError;

/// Why an import could not begin, or ended early. Never holds a URL, a password or a row's contents. In each case the
/// import can be run again: what was submitted is found to exist.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LegacyError {
    /// A setting cannot be used; nothing was read.
    #[error("{0}")]
    Setting(String),
    /// There is no such table.
    #[error(
        "{0} has no table `colony_tasks` that this role sees: check the database in the URL, name the schema, and see \
         that the role may read it"
    )]
    NoTable(String),
    /// The table's database cannot be reached, or not now.
    #[error("the database of `colony_tasks` is not available: {0}; run the import again, it goes on where it ended")]
    Unavailable(String),
    /// The source cannot be read, or not to its end.
    #[error("`colony_tasks` cannot be read: {0}")]
    Unreadable(String),
    /// The broker is away, or takes nothing from this caller, whatever the row.
    #[error(transparent)]
    Broker(#[from] ClientError),
}

impl LegacyError {
    /// What sqlx reports. Texts of the database are passed on; details, which quote rows, are not.
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
