//! Leases under grants that were revoked.

use apiary_identity::Clock;
use uuid::Uuid;

use crate::engine::wakeups::{Change, Wakeups};
use crate::limits::SWEEP_ROWS;
use crate::model::Lane;
use crate::store::{Store, StoreResult};

/// From `leases` back to `queue`, whatever broker leased them; says which, and in which lane.
pub(crate) async fn give_back_removed(
    store: &dyn Store,
    clock: &dyn Clock,
    wakeups: &Wakeups,
) -> StoreResult<Vec<(Uuid, Lane)>> {
    let mut all = Vec::new();
    loop {
        let moved = store.give_back_removed(clock.now_ms(), SWEEP_ROWS).await?;
        for (process_id, lane) in &moved {
            tracing::warn!(%process_id, executor_type = lane.executor_type, "given back: the executor's grant was revoked");
            wakeups.work(lane);
            wakeups.changed(Change { colony: lane.colony, process_id: *process_id });
        }
        let is_last = i64::try_from(moved.len()).is_ok_and(|count| count < SWEEP_ROWS);
        all.extend(moved);
        if is_last {
            return Ok(all);
        }
    }
}
