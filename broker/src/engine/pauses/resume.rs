//! Ending a pause.

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::model::Paused;

impl Engine {
    /// Ends a pause, and wakes the polls that wait for what was paused, at every broker; what is left of each `max_wait` is counted on
    /// from now. False if it was not paused.
    pub(crate) async fn resume(&self, permit: Permit<action::Resume>, what: &Paused) -> Result<bool, Error> {
        let colony = permit.colony();
        let existed = self.store.resume(colony.key, what, self.clock.now_ms()).await?;
        // Also if it was not there: whoever asks again because an answer got lost wants the work to move.
        self.wakeups.colony(colony.key);
        let (kind, name) = (what.kind.as_str(), what.name.as_str());
        tracing::info!(colony = colony.name, kind, name, by = permit.actor(), existed, "resumed");
        Ok(existed)
    }
}
