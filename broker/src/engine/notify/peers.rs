//! A count of the other brokers that listen: to nobody, nothing is sent.

use std::sync::atomic::{AtomicU64, Ordering};

use apiary_store::Store;
use tokio::sync::Notify;

use crate::limits::PEERS_COUNT_INTERVAL;

/// The other brokers on the database, as far as they are known.
pub(crate) struct Peers {
    /// The number of messages from others.
    heard: AtomicU64,
    /// The value of `heard` when nobody else listened; [`NEVER`] if somebody did, or the count failed.
    heard_when_alone: AtomicU64,
    /// Notified when a broker begins to listen.
    greeted: Notify,
}

/// A number of messages that no broker hears.
const NEVER: u64 = u64::MAX;

impl Default for Peers {
    fn default() -> Self {
        Self { heard: AtomicU64::new(0), heard_when_alone: AtomicU64::new(NEVER), greeted: Notify::new() }
    }
}

impl Peers {
    /// Returns true if no other broker would hear a message: nobody listened when they were counted, and nobody was heard since.
    pub(in crate::engine) fn are_none(&self) -> bool {
        self.heard_when_alone.load(Ordering::Acquire) == self.heard.load(Ordering::Acquire)
    }

    /// Notes that somebody sent a message.
    pub(in crate::engine) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that a broker began to listen, perhaps this one itself, so that the others are counted at once.
    pub(in crate::engine) fn greeted(&self) {
        self.heard();
        self.greeted.notify_one();
    }

    /// Counts the others again and again. `listens` is true if this broker is one of those that are counted.
    pub(in crate::engine) async fn keep_counting(&self, store: &dyn Store, listens: bool) {
        loop {
            // Read before the count, which may miss whoever greets meanwhile.
            let heard = self.heard.load(Ordering::Acquire);
            let are_none = match store.count_listeners().await {
                Ok(listeners) => listeners.is_some_and(|listeners| listeners <= i64::from(listens)),
                Err(error) => {
                    tracing::debug!(%error, "cannot count the brokers that listen; messages are sent");
                    false
                }
            };
            self.heard_when_alone.store(if are_none { heard } else { NEVER }, Ordering::Release);
            // Until the interval is over or a broker greets, whichever comes first.
            let _ = tokio::time::timeout(PEERS_COUNT_INTERVAL, self.greeted.notified()).await;
        }
    }
}
