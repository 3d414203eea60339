//! Processes that no executor claimed within their `max_wait`.

use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};

use super::Ends;
use crate::engine::notify::wakeups::Change;
use crate::limits::SWEEP_ROWS;

/// Moves them from `queue` to `finished`, as failed.
pub(super) async fn sweep(store: &dyn Store, clock: &dyn Clock, ends: &Ends) -> StoreResult<()> {
    let Ends { wakeups, lines, metrics } = ends;
    loop {
        let over = store.expire_waiting(clock.now_ms(), SWEEP_ROWS).await?;
        for (process_id, lane) in &over {
            let executor_type = &lane.executor_type;
            if let Some(held_back) = lines.pass(&format!("max_wait {executor_type}")) {
                tracing::warn!(
                    %process_id, executor_type, held_back,
                    "not claimed within max_wait: `apiary process explain` shows the reason, `redrive` tries it again"
                );
            }
            metrics.of(executor_type).expired();
            wakeups.changed(Change { colony: lane.colony, process_id: *process_id });
        }
        if i64::try_from(over.len()).is_ok_and(|count| count < SWEEP_ROWS) {
            return Ok(());
        }
    }
}
