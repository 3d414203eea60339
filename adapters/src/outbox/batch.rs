//! The size of a batch of rows, by what the connection to the broker carries.

use std::time::Duration;

use crate::limits::{FORWARD_TIMEOUT, OUTBOX_BATCH_ROWS_MAX};

/// Rows that the next batch may have. A batch without an answer in time is repeated, and on a slow connection would be
/// repeated forever: each time-out halves it. An answer so quick that twice the rows would be in time doubles it.
#[derive(Debug)]
pub(super) struct BatchSize(usize);

impl BatchSize {
    /// Creates the largest size.
    pub(super) fn new() -> Self {
        Self(OUTBOX_BATCH_ROWS_MAX)
    }

    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.0
    }

    /// Records that so many rows got no answer in time. They may be fewer than the size: bytes are bounded, too.
    pub(super) fn note_late(&mut self, rows: usize) {
        self.0 = (rows / 2).max(1);
    }

    /// Records an answer of the broker after this time.
    pub(super) fn note_answer(&mut self, after: Duration) {
        // Not half of the limit: the next rows may be longer.
        if after < FORWARD_TIMEOUT / 4 {
            self.0 = (self.0 * 2).min(OUTBOX_BATCH_ROWS_MAX);
        }
    }
}
