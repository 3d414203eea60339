//! Releases: giving work back untouched, at once or for later.

use apiary_store::model::{AttemptEnding, LeaseEnd, Release};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::leases::lookup::Holder;
use crate::engine::notify::wakeups::Change;

/// A release order: the delay, and its reason.
pub(crate) struct ReleaseOrder {
    /// The shortest delay until the next claim; 0 for none.
    pub(crate) delay_ms: i64,
    /// The cause of the delay in words; may be empty.
    pub(crate) reason: String,
    /// The name of what is out of order around the work, and must be repaired.
    pub(crate) surroundings: Option<String>,
}

impl Engine {
    /// Releases a lease without spending a retry: the process waits again at its place, or, with a delay, is blocked until that
    /// is over. A process that is being cancelled is cancelled then.
    pub(crate) async fn release(
        &self,
        permit: Permit<action::Release>,
        process_id: Uuid,
        attempt: i32,
        back: ReleaseOrder,
    ) -> Result<(), Error> {
        let holder = Holder::new(&permit, process_id, attempt)?;
        let held = self.lookup.held(std::iter::once(&holder)).await?;
        let lease = held.into_iter().next().flatten().ok_or_else(|| holder.lost())?;
        let now_ms = self.clock.now_ms();
        let ReleaseOrder { delay_ms, reason, surroundings } = back;
        let release = Release {
            lease: lease.reference(),
            ending: match (delay_ms, &surroundings) {
                (0, _) => AttemptEnding::Released,
                (_, Some(_)) => AttemptEnding::Surroundings,
                (_, None) => AttemptEnding::Snoozed,
            },
            until_ms: (delay_ms > 0).then(|| now_ms.saturating_add(delay_ms)),
            reason: (!reason.is_empty()).then_some(reason),
            surroundings,
        };
        if let Some(surroundings) = &release.surroundings
            && let Some(held_back) = self.lines.pass(&format!("{} {surroundings}", lease.lane.executor_type))
        {
            tracing::warn!(
                %process_id, function = lease.function, attempt, surroundings, reason = release.reason, held_back, delay_ms,
                "released: a service that it needs is out of order; it continues by itself after the repair"
            );
        }
        let until_ms = release.until_ms;
        let change = Change { colony: lease.lane.colony, process_id };
        match self.store.release(&[release], now_ms).await?[..] {
            [LeaseEnd::Done] => match until_ms {
                Some(until_ms) => self.wakeups.due_at(until_ms),
                None => {
                    self.wakeups.work(&lease.lane);
                    // Its `max_wait` runs again: the sweep must wake when that is over.
                    self.wakeups.due_at(now_ms);
                }
            },
            [LeaseEnd::Cancelled] => {
                self.wakeups.ended(change);
                return Ok(());
            }
            _ => return Err(holder.lost()),
        }
        self.metrics.of(&lease.lane.executor_type).released(lease.claimed_at_ms, now_ms);
        self.wakeups.changed(change);
        Ok(())
    }
}
