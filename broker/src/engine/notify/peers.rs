//! A count of the other brokers that listen: to nobody, nothing is sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use apiary_store::Store;

use crate::limits::PEERS_COUNT_INTERVAL;

/// The other brokers on the database, as far as they are known.
#[derive(Default)]
pub(crate) struct Peers {
    /// True if nobody else listened when they were counted last, and nobody was heard since.
    are_none: AtomicBool,
    /// The number of messages from others.
    heard: AtomicU64,
}

impl Peers {
    /// Returns true if no other broker would hear a message.
    pub(in crate::engine) fn are_none(&self) -> bool {
        self.are_none.load(Ordering::Acquire)
    }

    /// Notes that somebody sent a message, or began to listen.
    pub(in crate::engine) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::AcqRel);
        self.are_none.store(false, Ordering::Release);
    }

    /// Counts the others again and again. `listens` is true if this broker is one of those that are counted.
    pub(in crate::engine) async fn keep_counting(&self, store: &dyn Store, listens: bool) {
        loop {
            self.count(store, listens).await;
            tokio::time::sleep(PEERS_COUNT_INTERVAL).await;
        }
    }

    async fn count(&self, store: &dyn Store, listens: bool) {
        let heard = self.heard.load(Ordering::Acquire);
        let are_none = match store.count_listeners().await {
            Ok(listeners) => listeners.is_some_and(|listeners| listeners <= i64::from(listens)),
            Err(error) => {
                tracing::debug!(%error, "cannot count the brokers that listen; messages are sent");
                false
            }
        };
        self.are_none.store(are_none, Ordering::Release);
        // Whoever greeted during the count may not be in it. Compared after the store, so that no greeting is overwritten.
        if self.heard.load(Ordering::Acquire) != heard {
            self.are_none.store(false, Ordering::Release);
        }
    }
}
