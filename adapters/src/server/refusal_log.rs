//! Logs refusals at a bounded rate, so that strangers cannot fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use apiary_daemon::door::call_span;
use tokio::time::Instant;

use crate::refusal::Refusal;

/// Interval between lines; each line has the number of refusals since the last.
const QUIET: Duration = Duration::from_secs(5);

/// A rate-limited log of refusals.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Mutex<(Option<Instant>, u64)>);

impl RefusalLog {
    pub(super) fn note(&self, refusal: &Refusal) {
        let now = Instant::now();
        let unlogged = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0.is_some_and(|last| now.duration_since(last) < QUIET) {
                state.1 += 1;
                return;
            }
            std::mem::replace(&mut *state, (Some(now), 0)).1
        };
        call_span().in_scope(|| tracing::warn!(%refusal, unlogged, "a request was refused"));
    }
}
