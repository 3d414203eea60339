//! Hints from other brokers: their state, and the interval at which changes are looked for without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::limits::{LOOK_INTERVAL, LOOK_INTERVAL_DEAF};

/// The state of the hints from other brokers, shared by all who look for changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearing {
    is_deaf: Arc<AtomicBool>,
}

impl Hearing {
    /// Notes whether hints arrive.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Ordering::Release);
    }

    /// Returns true while no hints arrive.
    pub(crate) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Acquire)
    }

    /// Returns the interval at which changes are looked for.
    pub(crate) fn interval(&self) -> Duration {
        if self.is_deaf() { LOOK_INTERVAL_DEAF } else { LOOK_INTERVAL }
    }
}
