//! What the adapter has done since it started, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use apiary_executor_sdk::Submitted;
use serde::Serialize;

/// What the adapter has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookStats {
    /// Events that the broker committed before they were answered.
    pub submitted: u64,
    /// Of those and of the forwarded ones: events that the broker knew already.
    pub duplicates: u64,
    /// Of those: events that had failed, and are tried again because their sender sent them again.
    pub redriven: u64,
    /// Events that were answered when they were on disk.
    pub spooled: u64,
    /// Events that came to the broker from the spool.
    pub forwarded: u64,
    /// Events of types that nobody handles.
    pub ignored: u64,
    /// Events that the broker does not accept, kept in the spool; a second try counts again.
    pub set_aside: u64,
    /// Requests that were answered 4xx.
    pub rejected: u64,
    /// Requests that were answered 5xx.
    pub unkept: u64,
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// The same, counting.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),+ }

        impl Counters {
            /// Counts what an event met that the broker knew already.
            pub(crate) fn note(&self, submitted: &Submitted) {
                if submitted.existed {
                    self.duplicates.add_one();
                }
                if submitted.redriven {
                    self.redriven.add_one();
                    tracing::info!(process_id = %submitted.process_id, "an event that had failed was sent again, and is tried again");
                }
            }

            pub(crate) fn snapshot(&self) -> WebhookStats {
                WebhookStats { $($name: self.$name.get()),+ }
            }
        }
    };
}

counters!(submitted, duplicates, redriven, spooled, forwarded, ignored, set_aside, rejected, unkept);

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
