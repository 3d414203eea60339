//! Cancellations: a process that does not run is cancelled at once; a running one is told, and ends at a deadline in any case.

use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::model::{Cancel, ColonyKey, Effect, LeaseEnd, NewEvent, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::leases::overdue::end_of_overdue;
use crate::engine::processes::operations::Operations;

impl Engine {
    /// Cancels a process. A running one has `grace_ms` to stop by itself.
    pub(crate) async fn cancel(
        &self,
        permit: Permit<action::Cancel>,
        process_id: Uuid,
        reason: String,
        grace_ms: i64,
    ) -> Result<ProcessSummary, Error> {
        let colony = permit.colony();
        if permit.own_only().is_some() {
            let process = self.summary(colony, process_id).await?;
            self.check_shown(&permit, process_id, process.submitter_grant).await?;
        }
        let now_ms = self.clock.now_ms();
        let deadline_ms = now_ms.saturating_add(grace_ms);
        let cancel = Cancel { deadline_ms, reason, by: permit.actor().to_owned() };
        let event = NewEvent { detail: cancel.reason.clone(), ..permit.event(EventKind::ProcessCancelled, now_ms) };
        let effects = self.operations.cancel(colony.key, &[process_id], &cancel, Some(&event)).await?;
        Self::check_effect(colony, process_id, &effects, "only what is not finished can be cancelled")?;
        self.summary(colony, process_id).await
    }
}

impl Operations {
    /// Cancels processes, and sends the wake-ups.
    pub(crate) async fn cancel(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        cancel: &Cancel,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let now_ms = self.clock.now_ms();
        let effects = self.store.cancel(colony, process_ids, cancel, now_ms, event).await?;
        if cancel.deadline_ms <= now_ms {
            self.end_at_once(process_ids, now_ms).await?;
        }
        self.announce(colony, process_ids, &effects).await;
        Ok(effects)
    }

    /// Ends leases whose deadline is over already. The sweep ends those that are missed because the broker dies in between.
    async fn end_at_once(&self, process_ids: &[Uuid], now_ms: i64) -> StoreResult<()> {
        let leases = self.store.leases(process_ids).await?;
        let over = leases.iter().filter(|lease| lease.cancel.as_ref().is_some_and(|mark| mark.deadline_ms <= now_ms));
        let failures: Vec<_> = over.map(|lease| end_of_overdue(lease, now_ms)).collect();
        let ends = self.store.fail(&failures, now_ms).await?;
        let lost = ends.iter().filter(|end| **end == LeaseEnd::Lost).count();
        if lost > 0 {
            tracing::debug!(lost, "leases ended during their cancellation");
        }
        Ok(())
    }
}
