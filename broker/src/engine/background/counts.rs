//! The numbers of processes in each state: their changes are added up while there are many.

use apiary_store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::passes::sweep;
use crate::limits::{COUNTS_FOLD_INTERVAL, COUNTS_FOLD_REST, COUNTS_FOLD_ROWS};

/// Adds changes up periodically, until `stop`. A failure is left to the next time: the numbers are exact without it.
pub(crate) async fn fold_counts(store: &dyn Store, stop: &CancellationToken) {
    let mut pause = COUNTS_FOLD_INTERVAL;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let begun = Instant::now();
        let folded = sweep("fold_counts", store.fold_counts(COUNTS_FOLD_ROWS)).await;
        // While somebody holds an old snapshot the rows that were added up stay, and each time takes longer than the one before.
        let rest = begun.elapsed().saturating_mul(COUNTS_FOLD_REST);
        pause = match folded {
            Ok(folded) if i64::try_from(folded).is_ok_and(|folded| folded >= COUNTS_FOLD_ROWS) => rest,
            Ok(_) => rest.max(COUNTS_FOLD_INTERVAL),
            Err(error) => {
                tracing::debug!(%error, "cannot add up the numbers of processes; trying again");
                rest.max(COUNTS_FOLD_INTERVAL)
            }
        };
    }
}
