//! When a change was last committed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Memory of the last successful commit that changed something: the best proof that the database can write. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Commits(Arc<Mutex<Option<Instant>>>);

impl Commits {
    /// Returns whether something was committed within this time.
    pub fn is_newer_than(&self, age_max: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < age_max)
    }

    /// Records a commit.
    pub(crate) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
