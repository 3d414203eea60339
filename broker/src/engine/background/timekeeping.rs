//! Synchronization of the broker's clock with the database's.

use apiary_store::Store;
use tokio_util::sync::CancellationToken;

use crate::engine::clock::DatabaseClock;
use crate::engine::passes::sweep;
use crate::limits::CLOCK_SYNC;

/// Reads the database's clock periodically, until `stop`.
pub(crate) async fn keep_time(clock: &DatabaseClock, store: &dyn Store, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CLOCK_SYNC) => {}
        }
        if let Err(error) = sweep("keep_time", clock.sync(store)).await {
            tracing::debug!(%error, "cannot read the database's clock; the last known offset stays in use");
        }
    }
}
