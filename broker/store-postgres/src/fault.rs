//! Errors of Postgres, sorted by their remedy.

use apiary_protocol::Fault as WhoseFault;
use apiary_protocol::fault::of_sqlstate;
use apiary_store::StoreError;
use sqlx::error::DatabaseError;

/// Unique keys that two transactions may insert at the same time.
const RACES: [&str; 3] = ["specs_pkey", "dependencies_pkey", "deleted_pkey"];

/// The number of times that a transaction is run again after losing against another one.
const CONFLICT_RETRIES_MAX: u32 = 10;

/// The reason why a statement failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// A lost race against another transaction: nothing changed, run it again.
    Conflict(String),
    /// An error that running it again at once would repeat.
    Store(StoreError),
}

/// The number of times that a transaction lost.
#[derive(Default)]
pub(super) struct Conflicts(u32);

impl Conflicts {
    /// Counts another loss; true if the transaction is to be run again.
    pub(super) fn again(&mut self) -> bool {
        // Again at once, without a pause: as a rule the other transaction has ended when this one learns that it lost. Bounded,
        // because a fault that looks like a lost race would otherwise keep the caller for ever.
        self.0 += 1;
        self.0 <= CONFLICT_RETRIES_MAX
    }
}

/// Runs a transaction, and runs it again while it loses against others: serialization failures, deadlocks, and processes that are
/// submitted to two brokers at the same time.
macro_rules! until_settled {
    // A macro, because the expression is evaluated anew for each try: every try needs a new statement and a new connection.
    ($transaction:expr) => {{
        let mut conflicts = $crate::fault::Conflicts::default();
        loop {
            match $transaction.await {
                Err($crate::fault::Fault::Conflict(_)) if conflicts.again() => {}
                settled => break settled.map_err(apiary_store::StoreError::from),
            }
        }
    }};
}
pub(super) use until_settled;

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict(words) => {
                Self::Unavailable(format!("{words}, {CONFLICT_RETRIES_MAX} times in a row: try again"))
            }
            Fault::Store(error) => error,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        // Errors of the connection are temporary. A row that cannot be decoded is damage. Everything else is a fault of the call.
        let words = error.to_string();
        Self::Store(match error {
            sqlx::Error::Database(error) => return of_database(&*error),
            sqlx::Error::PoolTimedOut => StoreError::Unavailable(
                "no connection came free in time: the server is away, or all connections are busy".to_owned(),
            ),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => StoreError::Unavailable(words),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(words),
            _ => StoreError::Refused(words),
        })
    }
}

/// Sorts an error of the server by its SQLSTATE, with the classifier that every part of Apiary uses, and adds advice.
fn of_database(error: &dyn DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default();
    let words = format!("{} (SQLSTATE {code})", error.message());
    match of_sqlstate(&code) {
        // The same process was submitted, or the same wait passed on, by another broker at this moment; the next try sees its rows.
        WhoseFault::Document if error.constraint().is_some_and(|name| RACES.contains(&name)) => Fault::Conflict(words),
        WhoseFault::Document => Fault::Store(StoreError::Refused(words)),
        // The other temporary errors, such as a lock timeout, have waited in vain: another try would wait as long again.
        WhoseFault::Again if loses_at_once(&code) => Fault::Conflict(words),
        WhoseFault::Again => Fault::Store(StoreError::Unavailable(words)),
        WhoseFault::Surroundings => Fault::Store(surroundings(&code, words)),
    }
}

/// Returns true for a serialization failure or a deadlock: the transaction lost against another one, without waiting in vain.
fn loses_at_once(code: &str) -> bool {
    code.starts_with("40")
}

/// Returns the error for a fault of the database, of the way to it, or of its operator, which fails every call alike.
fn surroundings(code: &str, words: String) -> StoreError {
    match code {
        "42P01" | "42703" | "3F000" => StoreError::Schema(format!(
            "{words}: the database has no schema for this broker; run `apiary broker --migrate`"
        )),
        "42501" => StoreError::Trouble(format!("{words}: give the broker's role all rights on the schema `apiary`")),
        "XX001" | "XX002" => StoreError::Trouble(format!("{words}: restore the database from a backup")),
        // Problems with connections, passwords, standbys, resources, the operator and the system may pass; the others need a repair.
        _ if matches!(code.get(..2), Some("08" | "25" | "28" | "3D" | "53" | "57" | "58")) => {
            StoreError::Unavailable(words)
        }
        _ => StoreError::Trouble(words),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;
    use std::fmt;

    use sqlx::error::ErrorKind;

    use super::*;

    /// An error of the server with this code, about this constraint.
    #[derive(Debug)]
    struct Answer(&'static str, Option<&'static str>);

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no")
        }
    }

    impl Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            "no"
        }
        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }
        fn constraint(&self) -> Option<&str> {
            self.1
        }
        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[test]
    fn only_what_the_classifier_holds_against_the_document_is_refused() {
        for (code, is_documents) in [
            ("08006", false),
            ("0A000", false),
            ("21000", false),
            ("22P02", true),
            ("22021", true),
            ("22023", false),
            ("23502", true),
            ("23505", true),
            ("25006", false),
            ("25P03", false),
            ("28P01", false),
            ("3D000", false),
            ("3F000", false),
            ("40001", false),
            ("40P01", false),
            ("42501", false),
            ("42703", false),
            ("42P01", false),
            ("42883", false),
            ("44000", true),
            ("53100", false),
            ("53300", false),
            ("54000", true),
            ("54001", true),
            ("54011", false),
            ("55006", false),
            ("55P03", false),
            ("57014", false),
            ("57P01", false),
            ("58030", false),
            ("F0000", false),
            ("P0001", false),
            ("XX000", false),
            ("XX001", false),
            ("", false),
        ] {
            assert_eq!(of_sqlstate(code) == WhoseFault::Document, is_documents, "{code}");
            let error = StoreError::from(of_database(&Answer(code, None)));
            assert_eq!(matches!(error, StoreError::Refused(_)), is_documents, "{code}: {error}");
        }
    }

    #[test]
    fn only_what_lost_against_another_transaction_is_run_again_at_once() {
        for (code, constraint, expected) in [
            ("40001", None, true),
            ("40P01", None, true),
            ("23505", Some("specs_pkey"), true),
            ("23505", Some("colonies_name_key"), false),
            ("23505", None, false),
            ("55P03", None, false),
            ("57014", None, false),
            ("25006", None, false),
        ] {
            let fault = of_database(&Answer(code, constraint));
            assert_eq!(matches!(fault, Fault::Conflict(_)), expected, "{code}");
        }
    }
}
