//! Ending a pause.

use apiary_protocol::EventKind;
use apiary_store::model::{NewEvent, PauseTarget};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::pauses::pause::subject;

impl Engine {
    /// Ends a pause, and wakes the polls of the colony, at every broker; the rest of each `max_wait` is counted on
    /// from now. False if there was no pause.
    pub(crate) async fn resume(&self, permit: Permit<action::Resume>, what: &PauseTarget) -> Result<bool, Error> {
        let colony = permit.colony();
        let now_ms = self.clock.now_ms();
        let event = NewEvent { subject: subject(what), ..permit.event(EventKind::PauseRemoved, now_ms) };
        let existed = self.store.resume(colony.key, what, now_ms, Some(&event)).await?;
        // Also without a pause: a caller that repeats the call because an answer got lost wants the work to move.
        self.wakeups.colony(colony.key);
        let (kind, name) = (what.kind.as_str(), what.name.as_str());
        tracing::info!(colony = colony.name, kind, name, by = permit.actor(), existed, "resumed");
        Ok(existed)
    }
}
