//! Reasons why an outbox cannot be read, and its notices.

use std::io::ErrorKind;

use sqlx::Error;

/// Kind of notice while the database of the outbox does not answer.
pub(crate) const OUTBOX_UNAVAILABLE: &str = "OUTBOX_UNAVAILABLE";
/// Kind of notice while the outbox cannot be used until a person changes something.
pub(crate) const OUTBOX_UNUSABLE: &str = "OUTBOX_UNUSABLE";
/// Kind of notice while there are refused rows.
pub(crate) const OUTBOX_ROWS_REFUSED: &str = "OUTBOX_ROWS_REFUSED";

/// Reasons why the outbox cannot be read at present. Rows stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutboxError {
    /// No answer of a database, or none now.
    #[error("the database of the outbox is unavailable: {0}; rows wait until it answers")]
    Unavailable(String),
    /// The table or its function is not there.
    #[error(
        "the database of the outbox has no table `apiary.outbox`, or one of another version: run \
         `apiary webhook outbox-sql | psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -1` as the database's owner, or paste \
         its output into Supabase's SQL editor ({0})"
    )]
    NoTable(String),
    /// The role lacks a right.
    #[error(
        "the role of `webhook.outbox_database_url` lacks rights to the outbox: as the table's owner, run `grant usage \
         on schema apiary to ROLE; grant select, delete, update (submitted_at, process_id, problem, refused_at, retry_at) \
         on apiary.outbox to ROLE; grant select on apiary.outbox_database to ROLE` ({0})"
    )]
    NoRight(String),
    /// Row level security hides rows from the role.
    #[error(
        "row level security is on for `apiary.outbox` and hides rows from the role of `webhook.outbox_database_url`: \
         run `alter table apiary.outbox disable row level security`; without a grant nobody sees the table anyway"
    )]
    Hidden,
    /// Marks do not last.
    #[error(
        "row {0} of the outbox is still waiting after it was marked: remove the trigger or rule on `apiary.outbox` \
         that drops updates"
    )]
    Unmarked(i64),
    /// Any other refusal of the database.
    #[error("the database of the outbox rejects the reader: {0}; see the database's log")]
    Rejected(String),
}

impl OutboxError {
    /// Returns the kind of the notice for this error.
    pub(super) fn notice(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => OUTBOX_UNAVAILABLE,
            _ => OUTBOX_UNUSABLE,
        }
    }
}

impl From<Error> for OutboxError {
    fn from(error: Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            // An undefined table, schema, column or function.
            Some("42P01" | "3F000" | "42703" | "42883" | "42704") => Self::NoTable(error.to_string()),
            Some("42501") => Self::NoRight(error.to_string()),
            // Class 28 is a refused login, 3D a missing database.
            Some(code) if code.starts_with("28") || code.starts_with("3D") || code.starts_with("42") => {
                Self::Rejected(error.to_string())
            }
            Some(_) => Self::Unavailable(error.to_string()),
            None => Self::Unavailable(in_words(&error)),
        }
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::Io(io) if io.kind() == ErrorKind::TimedOut => io.to_string(),
        Error::PoolTimedOut => "no connection in time".to_owned(),
        other => other.to_string(),
    }
}
