//! Early ends of blocks.

use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::model::{ColonyKey, Effect, NewEvent, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::Operations;

impl Engine {
    /// Ends the block of a process now, be it a back-off, a snooze or `not_before`. A process that waits for parents is rejected.
    pub(crate) async fn retry(&self, permit: Permit<action::Retry>, process_id: Uuid) -> Result<ProcessSummary, Error> {
        let colony = permit.colony();
        let event = permit.event(EventKind::ProcessRetried, self.clock.now_ms());
        let effects = self.operations.retry(colony.key, &[process_id], Some(&event)).await?;
        let advice = "only a blocked one can be tried now; a dead letter or a failed one can be redriven";
        Self::check_effect(colony, process_id, &effects, advice)?;
        self.summary(colony, process_id).await
    }
}

impl Operations {
    /// Ends the blocks of processes now, and sends the wake-ups.
    pub(crate) async fn retry(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let effects = self.store.retry(colony, process_ids, self.clock.now_ms(), event).await?;
        self.announce(colony, process_ids, &effects).await;
        Ok(effects)
    }
}
