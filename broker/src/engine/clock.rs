//! The broker's time. Where several brokers share a database, its clock is the one that counts: each broker keeps the
//! distance between its own clock and the database's, so that leases made by one are judged alike by all.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apiary_identity::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::store::{Store, StoreResult};

/// A local clock, shifted to agree with the database's.
pub(crate) struct DatabaseClock {
    local: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl DatabaseClock {
    /// Shows the local clock until [`sync`](Self::sync) was called.
    pub(crate) fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, ahead_ms: AtomicI64::new(0) }
    }

    /// Reads the database's clock, if it is one that counts, and takes half the round trip for the way back.
    pub(crate) async fn sync(&self, store: &dyn Store) -> StoreResult<()> {
        let before = self.local.now_ms();
        if let Some(theirs) = store.database_time_ms().await? {
            let after = self.local.now_ms();
            let middle = before + (after - before) / 2;
            self.ahead_ms.store(theirs - middle, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        self.local.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }
}
