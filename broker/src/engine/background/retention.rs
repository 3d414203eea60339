//! Retention of finished processes, and of the ids of deleted ones.

use std::collections::HashMap;

use apiary_identity::Clock;
use apiary_store::model::{ColonyKey, Effect, ProcessState, Retention};
use apiary_store::{Store, StoreResult};

use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::limits::{DELETED_KEPT_MS, RETENTION_LOOK_MS_MAX, RETENTION_PAUSE_MS, RETENTION_ROWS};

/// The sweep that deletes processes past their retention, a little at a time and seldom: no caller waits for it.
pub(super) struct Keeper {
    retention: Retention,
    /// The pause between two looks.
    look_ms: i64,
    next_ms: i64,
}

impl Keeper {
    pub(super) fn new(retention: Retention) -> Self {
        let shortest_ms = retention.of_states().map(|(_, kept_ms)| kept_ms).min();
        let look_ms = shortest_ms.map_or(RETENTION_LOOK_MS_MAX, |ms| ms.min(RETENTION_LOOK_MS_MAX));
        Self { retention, look_ms, next_ms: i64::MIN }
    }

    /// Runs if it is due; returns the time of the next run.
    pub(super) async fn sweep(&mut self, store: &dyn Store, clock: &dyn Clock, wakeups: &Wakeups) -> StoreResult<i64> {
        let now_ms = clock.now_ms();
        if now_ms >= self.next_ms {
            // Also after an error: the other sweeps need not wait for it.
            self.next_ms = now_ms.saturating_add(self.look_ms);
            if self.look(store, now_ms, wakeups).await? {
                self.next_ms = now_ms.saturating_add(RETENTION_PAUSE_MS);
            }
        }
        Ok(self.next_ms)
    }

    /// Runs one statement for each state; true if there may be more.
    async fn look(&self, store: &dyn Store, now_ms: i64, wakeups: &Wakeups) -> StoreResult<bool> {
        let forgotten = store.forget_deleted(now_ms.saturating_sub(DELETED_KEPT_MS), RETENTION_ROWS).await?;
        let mut is_more = is_full(forgotten);
        for (state, kept_ms) in self.retention.of_states() {
            let deleted = delete_past(store, state, now_ms, now_ms.saturating_sub(kept_ms), wakeups).await?;
            if deleted > 0 {
                tracing::info!(deleted, state = state.as_str(), "processes past their retention");
            }
            is_more |= is_full(deleted);
        }
        Ok(is_more)
    }
}

async fn delete_past(
    store: &dyn Store,
    state: ProcessState,
    now_ms: i64,
    until_ms: i64,
    wakeups: &Wakeups,
) -> StoreResult<u64> {
    let mut by_colony: HashMap<ColonyKey, Vec<_>> = HashMap::new();
    for (colony, process_id) in store.past_retention(state, until_ms, now_ms, RETENTION_ROWS).await? {
        by_colony.entry(colony).or_default().push(process_id);
    }
    let mut deleted = 0;
    for (colony, process_ids) in by_colony {
        let effects = store.delete(colony, &process_ids, Some(until_ms)).await?;
        for (process_id, _) in process_ids.into_iter().zip(effects).filter(|(_, effect)| *effect == Effect::Changed) {
            deleted += 1;
            wakeups.ended(Change { colony, process_id });
        }
    }
    Ok(deleted)
}

fn is_full(count: u64) -> bool {
    i64::try_from(count).is_ok_and(|count| count >= RETENTION_ROWS)
}
