//! Blocked processes whose block is over.

use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};

use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::limits::SWEEP_ROWS;

/// Moves them from `blocked` to `queue`, and wakes the polls.
pub(super) async fn sweep(store: &dyn Store, clock: &dyn Clock, wakeups: &Wakeups) -> StoreResult<()> {
    loop {
        let ready = store.unblock(clock.now_ms(), SWEEP_ROWS).await?;
        for (process_id, lane) in &ready {
            wakeups.work(lane);
            wakeups.changed(Change { colony: lane.colony, process_id: *process_id });
        }
        if i64::try_from(ready.len()).is_ok_and(|count| count < SWEEP_ROWS) {
            return Ok(());
        }
    }
}
