//! The state of the outbox, for health and people.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::table::RowCounts;

/// State of the outbox, as the reader saw it last. Counts of rows are bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutboxReport {
    /// False while the outbox cannot be read; `None` before the first attempt.
    pub readable: Option<bool>,
    /// True while the database announces new rows. Otherwise they are looked for every 2 s.
    pub listens: bool,
    /// Rows that wait.
    pub waiting: u64,
    /// Age of the oldest of them, in milliseconds.
    pub oldest_age_ms: Option<i64>,
    /// Rows that were refused, and that nobody has removed or repaired.
    pub refused: u64,
    /// Rows among them that are tried again by themselves, because the reason may pass.
    pub retrying: u64,
    /// Rows submitted since the start.
    pub submitted: u64,
    /// Rows among them whose process existed already.
    pub existed: u64,
}

/// The report of a running reader.
#[derive(Debug, Default)]
pub(crate) struct OutboxState(Mutex<OutboxReport>);

impl OutboxState {
    /// Returns the state.
    pub(crate) fn report(&self) -> OutboxReport {
        self.lock().clone()
    }

    pub(super) fn set_readable(&self, is_readable: bool, listens: bool) {
        let mut report = self.lock();
        (report.readable, report.listens) = (Some(is_readable), listens);
    }

    pub(super) fn set_counts(&self, counts: &RowCounts) {
        let mut report = self.lock();
        (report.waiting, report.oldest_age_ms) = (counts.waiting, counts.waiting_age_ms);
        (report.refused, report.retrying) = (counts.refused, counts.retrying);
    }

    /// Counts a row that became a process.
    pub(super) fn note_submitted(&self, existed: bool) {
        let mut report = self.lock();
        report.submitted += 1;
        report.existed += u64::from(existed);
    }

    fn lock(&self) -> MutexGuard<'_, OutboxReport> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
