//! Broken connections, and the older connections that are not trusted after one broke.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Error;
use sqlx::pool::PoolConnectionMetadata;
use tokio::sync::{Notify, watch};

use crate::limits::{IDLE_TRUST, REASON_AGE_MAX};

/// Returns `true` if the error means that the server is gone, shutting down, or no longer the primary.
///
/// 25006 comes from a standby and from a demoted primary: the next connection may reach the new primary. Class 08,
/// 57P01 to 57P05, and 25P03 (an idle transaction) end the connection or precede its end.
pub fn is_break(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || code == "25P03" || code == "25006"
        }),
        _ => false,
    }
}

/// Returns `true` if the server's disk is full.
pub(super) fn is_full(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "53100")
}

/// Returns `true` if the server cannot write at all, independent of the statement.
pub(super) fn is_failed_write(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    is_break(error) || is_full(error) || code.is_some_and(|code| code.starts_with("58"))
}

/// Returns `true` if the server was demoted and another one is primary. Commits in progress may never be confirmed, for
/// want of a standby.
fn is_demotion(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "25006")
}

/// Returns `true` for the normal refusal of a statement: a conflict with another transaction, or a violated constraint.
/// After a successful rollback the connection can be reused.
pub(super) fn is_ordinary(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("40") || code.starts_with("23") || code == "55P03")
}

/// Time of the last broken connection, and the last refusal. Connections from before that time are not used again, so
/// that a restart or fail-over of the database costs each caller at most one failed call, not one per connection.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Breaks {
    last: Arc<Mutex<Last>>,
    broke: Arc<Notify>,
    demotions: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Last {
    broke: Option<Instant>,
    /// Time and reason of the last failed attempt to connect.
    refused: Option<(Instant, String)>,
}

impl Breaks {
    /// Records that a connection broke with this error.
    pub(super) fn note(&self, error: &Error) {
        self.lock().broke = Some(Instant::now());
        self.broke.notify_waiters();
        if is_demotion(error) {
            self.note_demotion();
        }
    }

    /// Records that the server was demoted.
    pub(super) fn note_demotion(&self) {
        self.demotions.send_modify(|count| *count += 1);
    }

    /// Subscribes to demotions from now on.
    pub(super) fn demotions(&self) -> watch::Receiver<u64> {
        self.demotions.subscribe()
    }

    /// Waits until the next connection breaks.
    pub async fn next(&self) {
        self.broke.notified().await;
    }

    /// Records the reason of a failed attempt to connect.
    pub(super) fn note_refusal(&self, reason: String) {
        self.lock().refused = Some((Instant::now(), reason));
    }

    /// Returns the reason of the last failed attempt to connect, if it is recent.
    pub(super) fn refusal(&self) -> Option<String> {
        let last = self.lock();
        last.refused.as_ref().filter(|(at, _)| at.elapsed() < REASON_AGE_MAX).map(|(_, reason)| reason.clone())
    }

    /// Returns `true` if another connection broke after this one was opened.
    pub(super) fn is_outdated(&self, connection: &PoolConnectionMetadata) -> bool {
        let last = self.lock().broke;
        last.is_some_and(|at| at.elapsed() <= connection.age)
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        // No code that can panic runs under the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `true` if a connection was idle for so long that it is pinged before use.
pub(super) fn was_idle_for_long(idle_for: Duration) -> bool {
    idle_for > IDLE_TRUST
}
