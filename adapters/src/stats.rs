//! Counts the adapter's work since its start.

use std::sync::atomic::{AtomicU64, Ordering};

use apiary_executor_sdk::SubmitResult;
use serde::Serialize;

/// Numbers of events and requests since the adapter's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookStats {
    /// Events committed by the broker before they were answered.
    pub submitted: u64,
    /// Events, submitted or forwarded, that the broker had already.
    pub duplicates: u64,
    /// Failed events among these duplicates that are retried, because their sender sent them again.
    pub redriven: u64,
    /// Events answered when they were on disk.
    pub spooled: u64,
    /// Events forwarded from the spool to the broker.
    pub forwarded: u64,
    /// Events of types that no executor handles.
    pub ignored: u64,
    /// Events rejected by the broker and kept in the spool; a repeated rejection counts again.
    pub set_aside: u64,
    /// Requests answered 4xx.
    pub rejected: u64,
    /// Requests answered 5xx.
    pub unkept: u64,
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// The counters behind [`WebhookStats`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),+ }

        impl Counters {
            /// Counts an event that the broker had already.
            pub(crate) fn note(&self, submitted: &SubmitResult) {
                if submitted.existed {
                    self.duplicates.add_one();
                }
                if submitted.redriven {
                    self.redriven.add_one();
                    tracing::info!(process_id = %submitted.process_id, "a failed event was sent again; trying again");
                }
            }

            pub(crate) fn snapshot(&self) -> WebhookStats {
                WebhookStats { $($name: self.$name.get()),+ }
            }
        }
    };
}

counters!(submitted, duplicates, redriven, spooled, forwarded, ignored, set_aside, rejected, unkept);

/// A counter that only grows.
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
