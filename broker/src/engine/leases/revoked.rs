//! Leases under revoked grants.

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::model::{AttemptEnding, LeaseEnd, LeaseRecord, Release};
use apiary_store::{Store, StoreResult};

use crate::engine::notify::wakeups::Wakeups;
use crate::limits::SWEEP_ROWS;

/// Moves their processes from `leases` back to `queue`, or, being cancelled, to `finished`, for every broker; returns the leases.
pub(crate) async fn give_back_revoked(
    store: &dyn Store,
    clock: &dyn Clock,
    wakeups: &Wakeups,
    lines: &Throttle,
) -> StoreResult<Vec<LeaseRecord>> {
    let mut given_back = Vec::new();
    loop {
        let now_ms = clock.now_ms();
        let removed = store.removed_leases(now_ms, SWEEP_ROWS).await?;
        let release = |lease: &LeaseRecord| Release {
            lease: lease.reference(),
            ending: AttemptEnding::Removed,
            until_ms: None,
            reason: None,
            surroundings: None,
        };
        let releases: Vec<_> = removed.iter().map(release).collect();
        let ends = store.release(&releases, now_ms).await?;
        let (found, before) = (removed.len(), given_back.len());
        for (lease, end) in removed.into_iter().zip(ends).filter(|(_, end)| *end != LeaseEnd::Lost) {
            let process_id = lease.process_id;
            if let Some(held_back) = lines.pass(&format!("revoked {}", lease.lane.executor_type)) {
                tracing::warn!(
                    %process_id, attempt = lease.attempt, held_back,
                    "released for another executor: the holder's grant was revoked"
                );
            }
            wakeups.given_back(&lease.lane, process_id, end);
            given_back.push(lease);
        }
        let moved = given_back.len() > before;
        if !moved || i64::try_from(found).is_ok_and(|count| count < SWEEP_ROWS) {
            return Ok(given_back);
        }
    }
}
