//! Connections that are of no more use, and those that became suspect with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Error;
use sqlx::pool::PoolConnectionMetadata;
use tokio::sync::Notify;

use crate::limits::{IDLE_TRUST, REASON_AGE_MAX};

/// Whether an error says that the server behind the connection is gone, going, or no longer the one that takes writes.
///
/// 25006 comes from a standby, and from a primary that was demoted: the next connection may reach its successor. Class 08 and
/// 57P01 to 57P05 end the connection, or precede its end; so does 25P03, a transaction that was left idle.
pub fn is_break(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || code == "25P03" || code == "25006"
        }),
        _ => false,
    }
}

/// Whether an error is the server's ordinary way to refuse one statement: another transaction was first, or a constraint does
/// not hold. After a rollback that succeeded, the connection is as good as before.
pub(super) fn is_ordinary(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("40") || code.starts_with("23") || code == "55P03")
}

/// When a connection last broke, and why. Connections from before that moment are not used again, so that a restart or a
/// fail-over of the database costs each caller at most one failed call, not one for each connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Breaks(Arc<Mutex<Last>>, Arc<Notify>);

#[derive(Debug, Default)]
struct Last {
    broke: Option<Instant>,
    /// The reason why no connection came about.
    refused: Option<(Instant, String)>,
}

impl Breaks {
    /// Records that a connection broke.
    pub(super) fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).broke = Some(Instant::now());
        self.1.notify_waiters();
    }

    /// Waits until the next connection breaks.
    pub async fn next(&self) {
        self.1.notified().await;
    }

    /// Records why no connection came about.
    pub(super) fn note_refusal(&self, reason: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused = Some((Instant::now(), reason));
    }

    /// Returns why no connection came about, if that was recently.
    pub(super) fn refusal(&self) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.refused.as_ref().filter(|(at, _)| at.elapsed() < REASON_AGE_MAX).map(|(_, reason)| reason.clone())
    }

    /// Whether another connection broke since this one was made.
    pub(super) fn is_outdated(&self, connection: &PoolConnectionMetadata) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).broke;
        last.is_some_and(|at| at.elapsed() <= connection.age)
    }
}

/// Whether a connection was silent for so long that it is asked for a sign of life.
pub(super) fn was_idle_for_long(idle_for: Duration) -> bool {
    idle_for > IDLE_TRUST
}
