//! Times of retention, and its progress: the sweep deletes by it, and a colony's health reads by it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apiary_store::model::{ColonyKey, ProcessState, Retention};

use crate::limits::{RETENTION_LAG_LOOKS, RETENTION_LOOK_MS_MAX};

/// The time before all processes.
pub(super) const BEGINNING_MS: i64 = -1;

/// Retention times, and for each colony and state the front: the time up to which everything was deleted or kept.
pub(super) struct RetentionProgress {
    retention: Retention,
    fronts: Mutex<HashMap<(ColonyKey, ProcessState), i64>>,
}

impl RetentionProgress {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, fronts: Mutex::default() }
    }

    /// Returns the states that are not kept for ever, each with its retention time.
    pub(super) fn states(&self) -> impl Iterator<Item = (ProcessState, i64)> + use<> {
        self.retention.of_states()
    }

    /// Returns the interval between two searches.
    pub(super) fn look_ms(&self) -> i64 {
        let shortest_ms = self.states().map(|(_, kept_ms)| kept_ms).min();
        shortest_ms.map_or(RETENTION_LOOK_MS_MAX, |ms| ms.min(RETENTION_LOOK_MS_MAX))
    }

    /// Returns the time by which a process may outstay its retention before retention lags.
    pub(super) fn lag_ms(&self) -> i64 {
        self.look_ms().saturating_mul(RETENTION_LAG_LOOKS)
    }

    /// Returns the front of a colony and state.
    pub(super) fn front(&self, colony: ColonyKey, state: ProcessState) -> i64 {
        self.lock().get(&(colony, state)).copied().unwrap_or(BEGINNING_MS)
    }

    /// Returns the fronts of all colonies in a state.
    pub(super) fn fronts(&self, state: ProcessState) -> Vec<(ColonyKey, i64)> {
        let fronts = self.lock();
        fronts.iter().filter(|((_, of), _)| *of == state).map(|((colony, _), front_ms)| (*colony, *front_ms)).collect()
    }

    /// Moves the front of a colony and state.
    pub(super) fn set_front(&self, colony: ColonyKey, state: ProcessState, front_ms: i64) {
        self.lock().insert((colony, state), front_ms);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ColonyKey, ProcessState), i64>> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
