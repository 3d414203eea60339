//! Rate buckets that are full again.

use apiary_identity::Clock;
use apiary_store::{Store, StoreResult};

use crate::limits::SWEEP_ROWS;

/// Deletes one statement's worth of them, because no caller waits for it; true if these were all.
pub(super) async fn sweep(store: &dyn Store, clock: &dyn Clock) -> StoreResult<bool> {
    let forgotten = store.forget_buckets(clock.now_ms(), SWEEP_ROWS).await?;
    Ok(i64::try_from(forgotten).is_ok_and(|count| count < SWEEP_ROWS))
}
