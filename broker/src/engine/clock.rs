//! The broker's time. Where several brokers share a database, its clock is authoritative: each broker reads it now and then
//! and counts on by a steady clock, so that all brokers judge each other's leases alike, and no lease ends because a machine's clock
//! is set by an hour.

use std::sync::{Arc, PoisonError, RwLock};

use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};
use jiff::Timestamp;
use tokio::time::Instant;

/// The database's clock if it is authoritative, else the local one.
pub(crate) struct DatabaseClock {
    local: Arc<dyn Clock>,
    reading: RwLock<Option<ClockReading>>,
}

/// A reading of the database's clock.
#[derive(Clone, Copy)]
struct ClockReading {
    at: Instant,
    showed_ms: i64,
}

impl DatabaseClock {
    /// Returns a clock that shows the local time until [`sync`](Self::sync) reads another.
    pub(crate) fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, reading: RwLock::new(None) }
    }

    /// Reads the database's clock, if it is authoritative, and takes half the round trip for the way back.
    pub(crate) async fn sync(&self, store: &dyn Store) -> StoreResult<()> {
        let asked = Instant::now();
        if let Some(showed_ms) = store.database_time_ms().await? {
            self.set(ClockReading { at: asked + asked.elapsed() / 2, showed_ms });
        }
        Ok(())
    }

    fn set(&self, reading: ClockReading) {
        *self.reading.write().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let reading = *self.reading.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ClockReading { at, showed_ms }) = reading else { return self.local.now() };
        let since_ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(showed_ms.saturating_add(since_ms)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::ManualClock;

    use super::*;

    #[tokio::test]
    async fn a_local_clock_that_jumps_does_not_move_the_databases_time() {
        let local = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let clock = DatabaseClock::new(local.clone());
        assert_eq!(clock.now_ms(), 0, "the local clock, until another was read");
        clock.set(ClockReading { at: Instant::now(), showed_ms: 5_000_000 });
        local.advance(Duration::from_secs(3600));
        let shown = clock.now_ms();
        assert!((5_000_000..5_060_000).contains(&shown), "{shown}");
    }

    #[tokio::test]
    async fn time_goes_on_between_readings() {
        let clock = DatabaseClock::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
        let at = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        clock.set(ClockReading { at, showed_ms: 1000 });
        assert!(clock.now_ms() >= 3000);
    }
}
