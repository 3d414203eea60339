//! Connections that are of no more use, and those that became suspect with them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Error;
use sqlx::pool::PoolConnectionMetadata;
use tokio::sync::{Notify, watch};

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

/// Whether the server's disk has no room.
pub(super) fn is_full(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "53100")
}

/// Whether an error says that the server could not write, whatever was to be written.
pub(super) fn is_failed_write(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    is_break(error) || is_full(error) || code.is_some_and(|code| code.starts_with("58"))
}

/// Whether an error says that the server takes no more writes: it was demoted, and another one has its place. What it has not yet
/// confirmed it may never confirm, for want of a standby.
fn is_demotion(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "25006")
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
pub struct Breaks {
    last: Arc<Mutex<Last>>,
    broke: Arc<Notify>,
    demotions: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Last {
    broke: Option<Instant>,
    /// The reason why no connection came about.
    refused: Option<(Instant, String)>,
}

impl Breaks {
    /// Records that a connection broke by this error.
    pub(super) fn note(&self, error: &Error) {
        self.lock().broke = Some(Instant::now());
        self.broke.notify_waiters();
        if is_demotion(error) {
            self.note_demotion();
        }
    }

    /// Records that the server takes no more writes.
    pub(super) fn note_demotion(&self) {
        self.demotions.send_modify(|count| *count += 1);
    }

    /// Returns what tells of the demotions from now on.
    pub(super) fn demotions(&self) -> watch::Receiver<u64> {
        self.demotions.subscribe()
    }

    /// Waits until the next connection breaks.
    pub async fn next(&self) {
        self.broke.notified().await;
    }

    /// Records why no connection came about.
    pub(super) fn note_refusal(&self, reason: String) {
        self.lock().refused = Some((Instant::now(), reason));
    }

    /// Returns why no connection came about, if that was recently.
    pub(super) fn refusal(&self) -> Option<String> {
        let last = self.lock();
        last.refused.as_ref().filter(|(at, _)| at.elapsed() < REASON_AGE_MAX).map(|(_, reason)| reason.clone())
    }

    /// Whether another connection broke since this one was made.
    pub(super) fn is_outdated(&self, connection: &PoolConnectionMetadata) -> bool {
        let last = self.lock().broke;
        last.is_some_and(|at| at.elapsed() <= connection.age)
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        // No code that can panic runs under the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection was silent for so long that it is asked for a sign of life.
pub(super) fn was_idle_for_long(idle_for: Duration) -> bool {
    idle_for > IDLE_TRUST
}
