//! Idempotency keys whose retention is over.

use apiary_identity::Clock;

use crate::limits::SWEEP_ROWS;
use crate::store::{Store, StoreResult};

/// Forgets them, a statement's worth each round: nobody waits for it.
pub(super) async fn sweep(store: &dyn Store, clock: &dyn Clock) -> StoreResult<()> {
    let forgotten = store.forget_idempotency_keys(clock.now_ms(), SWEEP_ROWS).await?;
    if forgotten > 0 {
        tracing::debug!(forgotten, "idempotency keys past their retention");
    }
    Ok(())
}
