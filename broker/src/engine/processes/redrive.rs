//! Redrives of dead letters and failed processes: the same process again, or a newly signed spec as its replacement.

use apiary_identity::{Envelope, Spec};
use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::model::{Colony, ColonyKey, Discard, Effect, NewEvent, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::Operations;
use crate::limits::REPLACING_MS_MAX;

const ADVICE: &str = "only a dead letter or a failed one can be redriven; a blocked one can be tried now (`retry`)";

/// A spec that replaces a process, and the permit to submit it.
pub(crate) struct Replacement {
    /// The permit by the new spec's own signature.
    pub(crate) permit: Permit<action::Submit>,
    /// The new spec.
    pub(crate) spec: Spec,
    /// The signed bytes.
    pub(crate) envelope: Envelope,
}

impl Engine {
    /// Puts a dead letter or a failed process back into the queue, with all its retries.
    pub(crate) async fn redrive(
        &self,
        permit: Permit<action::Redrive>,
        process_id: Uuid,
    ) -> Result<ProcessSummary, Error> {
        let colony = permit.colony();
        self.let_go_of_stale(colony, process_id).await?;
        let event = permit.event(EventKind::ProcessRedriven, self.clock.now_ms());
        let effects = self.operations.redrive(colony.key, &[process_id], Some(&event)).await?;
        Self::check_effect(colony, process_id, &effects, ADVICE)?;
        self.summary(colony, process_id).await
    }

    /// Submits a new spec as a process's replacement; the old process is failed, and names its replacement. The old one is first
    /// reserved for the new one, so that exactly one of several concurrent redrives succeeds. If the broker dies in between, the
    /// same call again does the rest, and any other may after a while, if the new one was never submitted.
    pub(crate) async fn redrive_as(
        &self,
        permit: Permit<action::Redrive>,
        process_id: Uuid,
        replacement: Replacement,
    ) -> Result<ProcessSummary, Error> {
        let colony = permit.colony();
        let new_id = replacement.spec.process_id;
        if replacement.permit.colony().key != colony.key {
            return Err(Error::field("spec", "is of another colony: redrive within one"));
        }
        if new_id == process_id {
            return Err(Error::field("spec", "has the id of the process that it replaces: make a new UUIDv7"));
        }
        let open = match self.open_parents(colony, &replacement.spec).await {
            // A repeat must succeed, whatever happened to its parents since.
            Err(_) if self.store.get_process(colony.key, new_id).await?.is_some() => Vec::new(),
            open => open?,
        };
        if let Some(parent) = open.first() {
            return Err(Error::field(
                "parents",
                format!(
                    "of `spec` names process {parent}, which has not succeeded: a replacement may not wait for another process"
                ),
            ));
        }
        self.let_go_of_stale(colony, process_id).await?;
        let effect = self.store.replace(colony.key, process_id, new_id, self.clock.now_ms()).await?;
        Self::check_effect(colony, process_id, &[effect], ADVICE)?;
        let submitted = self.submit(replacement.permit, replacement.spec, replacement.envelope).await;
        let submitted = submitted.and_then(|kept| match kept.process_id == new_id {
            true => Ok(()),
            false => Err(Error::Taken(format!(
                "the idempotency key of `spec` belongs to process {}: leave it out of a spec that replaces another",
                kept.process_id
            ))),
        });
        if let Err(error) = submitted {
            // The reservation stays if the new process was submitted after all, and only the answer was lost.
            self.store.cancel_replacement(colony.key, process_id, self.clock.now_ms()).await?;
            return Err(error);
        }
        let reason = format!("redriven as {new_id}");
        let discard = Discard { reason, by: permit.actor().to_owned(), is_replaced: true };
        let event = NewEvent {
            detail: discard.reason.clone(),
            ..permit.event(EventKind::ProcessRedriven, self.clock.now_ms())
        };
        let effects = self.operations.discard(colony.key, &[process_id], &discard, Some(&event)).await?;
        let advice = format!("{new_id} was submitted in its place, and both go on now; cancel one of them");
        Self::check_effect(colony, process_id, &effects, &advice)?;
        self.summary(colony, new_id).await
    }

    /// Ends an old reservation, whose broker died before it submitted the replacement, so that the process can be redriven again.
    async fn let_go_of_stale(&self, colony: &Colony, process_id: Uuid) -> StoreResult<()> {
        let until_ms = self.clock.now_ms().saturating_sub(REPLACING_MS_MAX);
        self.store.cancel_replacement(colony.key, process_id, until_ms).await
    }
}

impl Operations {
    /// Puts processes back into the queue, and sends the wake-ups.
    pub(crate) async fn redrive(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let effects = self.store.redrive(colony, process_ids, self.clock.now_ms(), event).await?;
        self.announce(colony, process_ids, &effects).await;
        Ok(effects)
    }
}
