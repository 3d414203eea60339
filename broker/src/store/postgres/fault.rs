//! What went wrong in Postgres, sorted by what can be done about it.

use sqlx::error::DatabaseError;

use crate::store::StoreError;

/// How often a transaction that lost against another one is run again.
const CONFLICT_RETRIES_MAX: u32 = 10;

/// Why a statement failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// It lost against another transaction and changed nothing: run it again.
    Conflict(String),
    /// Running it again at once would not help.
    Store(StoreError),
}

/// Counts the times that a transaction lost.
#[derive(Default)]
pub(super) struct Conflicts(u32);

impl Conflicts {
    /// Whether to run it again.
    pub(super) fn again(&mut self) -> bool {
        self.0 += 1;
        self.0 <= CONFLICT_RETRIES_MAX
    }
}

/// Runs one transaction, again while it loses against others: serialization failures, deadlocks, and processes that
/// are submitted at two brokers in the same moment.
macro_rules! until_settled {
    ($transaction:expr) => {{
        let mut conflicts = $crate::store::postgres::fault::Conflicts::default();
        loop {
            match $transaction.await {
                Err($crate::store::postgres::fault::Fault::Conflict(_)) if conflicts.again() => {}
                settled => break settled.map_err($crate::store::StoreError::from),
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

/// Sorts by SQLSTATE (PostgreSQL's manual, appendix A).
fn of_database(error: &dyn DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default();
    let words = format!("{} (SQLSTATE {code})", error.message());
    match &*code {
        // Serialization failure, deadlock.
        "40001" | "40P01" => Fault::Conflict(words),
        // The same process was submitted, or the same waiting passed on, elsewhere in this moment; the next try sees it.
        "23505" if matches!(error.constraint(), Some("specs_pkey" | "dependencies_pkey" | "deleted_pkey")) => {
            Fault::Conflict(words)
        }
        // Time-outs of a statement and of a lock; a standby after a fail-over; a transaction left idle.
        "57014" | "55P03" | "25006" | "25P03" => Fault::Store(StoreError::Unavailable(words)),
        "42P01" | "42703" | "3F000" => Fault::Store(StoreError::Schema(format!(
            "{words}: the database has no schema for this broker; run `apiary broker --migrate`"
        ))),
        "42501" => Fault::Store(StoreError::Refused(format!(
            "{words}: give the broker's role all rights on the schema `apiary`"
        ))),
        "XX001" | "XX002" => Fault::Store(StoreError::Corrupt(words)),
        _ => Fault::Store(of_class(&code, words)),
    }
}

fn of_class(code: &str, words: String) -> StoreError {
    match code.get(..2) {
        // Connection lost; no such role, password or database any more; out of memory, disk or connections; shut down
        // by the operator; a failing disk.
        Some("08" | "28" | "3D" | "53" | "57" | "58") => StoreError::Unavailable(words),
        _ => StoreError::Refused(words),
    }
}
