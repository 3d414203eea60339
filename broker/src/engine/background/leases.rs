//! Leases that expired, and attempts that take longer than `max_exec`.

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::model::{Failure, LeaseEnd, LeaseRecord, ProcessState};
use apiary_store::{Store, StoreResult};

use super::Ends;
use crate::engine::leases::overdue::end_of_overdue;
use crate::engine::notify::wakeups::Change;
use crate::limits::SWEEP_ROWS;

/// Ends expired leases: moves each process from `leases` to the state that `engine/leases/overdue.rs` takes from the life cycle's table.
/// A lease that is renewed after it was read stays, because the statement checks it again.
pub(super) async fn sweep(store: &dyn Store, clock: &dyn Clock, ends: &Ends) -> StoreResult<()> {
    let Ends { wakeups, lines, metrics } = ends;
    loop {
        let now_ms = clock.now_ms();
        let overdue = store.overdue_leases(now_ms, SWEEP_ROWS).await?;
        let failures: Vec<_> = overdue.iter().map(|lease| end_of_overdue(lease, now_ms)).collect();
        let done = store.fail(&failures, now_ms).await?;
        let mut moved = false;
        for ((lease, failure), end) in overdue.iter().zip(&failures).zip(done).filter(|(_, end)| *end != LeaseEnd::Lost)
        {
            moved = true;
            tell(lease, failure, lines);
            metrics.failed(lease, failure, end == LeaseEnd::Cancelled, now_ms);
            if end == LeaseEnd::Done && failure.next == ProcessState::Waiting {
                wakeups.work(&lease.lane);
            }
            let change = Change { colony: lease.lane.colony, process_id: lease.process_id };
            if end == LeaseEnd::Cancelled { wakeups.ended(change) } else { wakeups.changed(change) }
        }
        if !moved || i64::try_from(overdue.len()).is_ok_and(|count| count < SWEEP_ROWS) {
            return Ok(());
        }
    }
}

/// Logs that the broker ended an attempt. Of a thousand that end alike, only the first few are logged.
fn tell(lease: &LeaseRecord, failure: &Failure, lines: &Throttle) {
    let (function, reason, next) = (&lease.function, &failure.reason, failure.next.as_str());
    if let Some(held_back) = lines.pass(&format!("{} {function} {reason} {next}", lease.lane.executor_type)) {
        tracing::warn!(
            process_id = %lease.process_id, function, attempt = lease.attempt, reason, next, held_back,
            "attempt ended by the broker: see the log of its executor"
        );
    }
}
