//! Errors of shadow mode.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// An error of shadow mode. Never holds a password or a row's contents.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShadowError {
    /// A mapping that cannot be used, or a setting that is missing.
    #[error("{0}")]
    Usage(String),
    /// A state of the database in which the command would be wrong.
    #[error("{0}")]
    Refused(String),
    /// Unreachable, or no answer in time.
    #[error("the Postgres of `finance.database_url` is unavailable: {0}")]
    Unavailable(String),
    /// A lock that others do not give up.
    #[error(
        "{table} could not be locked in {tries} attempts of half a second; nothing was changed. These sessions use it: \
         {holders}. End them, or try again when there is less to do"
    )]
    Locked {
        /// The table.
        table: String,
        /// Number of attempts.
        tries: u32,
        /// Sessions with a lock on it.
        holders: String,
    },
    /// A refusal of the database.
    #[error("Postgres refuses ({code}): {message}")]
    Database {
        /// The SQLSTATE.
        code: String,
        /// The database's message; of one that may hold values of rows, only names.
        message: String,
    },
}

impl ShadowError {
    /// Returns true if a lock was not free in time.
    pub(super) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Database { code, .. } if code == "55P03" || code == "40P01")
    }
}

impl From<sqlx::Error> for ShadowError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                // A server that stops, or ends this session.
                if code.starts_with("57P") || code.starts_with("08") {
                    return Self::Unavailable(error.message().to_owned());
                }
                let message = message(&code, error.as_ref());
                Self::Database { code, message }
            }
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection within 5 s".to_owned()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// Returns the database's message. Those on data, and those that functions of the database's owner raise, can hold values of
/// rows: of these, the names that come with them.
fn message(code: &str, error: &dyn DatabaseError) -> String {
    if !["22", "P0"].iter().any(|class| code.starts_with(class)) {
        return error.message().to_owned();
    }
    let of_postgres = error.try_downcast_ref::<PgDatabaseError>();
    let names = of_postgres.map(|error| {
        let names = [("table", error.table()), ("column", error.column()), ("constraint", error.constraint())];
        names.into_iter().filter_map(|(what, name)| Some(format!("{what} {}; ", name?))).collect::<String>()
    });
    // What the code means, in the words of Postgres' own list of codes (appendix A of its manual).
    let meaning = match code {
        "22001" => "a text that is too long; ",
        "22003" => "a number out of range; ",
        "22007" | "22008" => "no date or time; ",
        "22P02" => "a text that is no value of its type, such as one that an enum lacks; ",
        _ => "",
    };
    format!("{meaning}{}its words may hold values of rows, and are in the server's log", names.unwrap_or_default())
}
