//! Deletion of processes with everything that belongs to them.

use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::model::{ColonyKey, Effect, NewEvent};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::Operations;

impl Engine {
    /// Deletes a process that does not run. Its id stays reserved until its spec's `submit_by`.
    pub(crate) async fn delete(&self, permit: Permit<action::Delete>, process_id: Uuid) -> Result<(), Error> {
        let colony = permit.colony();
        // Read before: with the event, the store deletes the spec that names it. A spec never changes.
        let known = self.store.summaries(&[process_id]).await?;
        let known = known.into_iter().find(|summary| summary.colony == colony.key);
        let event = NewEvent {
            function: known.map(|summary| summary.function).unwrap_or_default(),
            ..permit.event(EventKind::ProcessDeleted, self.clock.now_ms())
        };
        let effects = self.operations.delete(colony.key, &[process_id], Some(&event)).await?;
        Self::check_effect(colony, process_id, &effects, "cancel it first, and delete it when it has ended")?;
        tracing::info!(colony = colony.name, %process_id, by = permit.actor(), "process deleted");
        Ok(())
    }
}

impl Operations {
    /// Deletes processes, and sends the wake-ups.
    pub(crate) async fn delete(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let effects = self.store.delete(colony, process_ids, event).await?;
        self.announce(colony, process_ids, &effects).await;
        Ok(effects)
    }
}
