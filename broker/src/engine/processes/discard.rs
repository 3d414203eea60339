//! Discards of dead letters.

use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::model::{ColonyKey, Discard, Effect, NewEvent, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::Operations;

impl Engine {
    /// Gives a dead letter up: it is failed from then on.
    pub(crate) async fn discard(
        &self,
        permit: Permit<action::Discard>,
        process_id: Uuid,
        reason: String,
    ) -> Result<ProcessSummary, Error> {
        let colony = permit.colony();
        let discard = Discard { reason, by: permit.actor().to_owned(), is_replaced: false };
        let event = NewEvent {
            detail: discard.reason.clone(),
            ..permit.event(EventKind::ProcessDiscarded, self.clock.now_ms())
        };
        let effects = self.operations.discard(colony.key, &[process_id], &discard, Some(&event)).await?;
        let advice = "only a dead letter can be discarded; what is not finished can be cancelled";
        Self::check_effect(colony, process_id, &effects, advice)?;
        self.summary(colony, process_id).await
    }
}

impl Operations {
    /// Gives dead letters up, and sends the wake-ups.
    pub(crate) async fn discard(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        discard: &Discard,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let effects = self.store.discard(colony, process_ids, discard, self.clock.now_ms(), event).await?;
        self.announce(colony, process_ids, &effects).await;
        Ok(effects)
    }
}
