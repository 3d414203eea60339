//! Removing a limit.

use apiary_protocol::EventKind;
use apiary_store::model::{LimitKind, NewEvent};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Removes a limit, and wakes the polls of the colony, at every broker. False if there was none.
    pub(crate) async fn remove_limit(
        &self,
        permit: Permit<action::RemoveLimit>,
        kind: LimitKind,
        pattern: &str,
    ) -> Result<bool, Error> {
        let colony = permit.colony();
        let event = NewEvent {
            subject: format!("{} {pattern}", kind.as_str()),
            ..permit.event(EventKind::LimitRemoved, self.clock.now_ms())
        };
        let existed = self.store.remove_limit(colony.key, kind, pattern, Some(&event)).await?;
        // Also without a limit: a caller that repeats the call because an answer got lost wants the work to move.
        self.wakeups.colony(colony.key);
        tracing::info!(
            colony = colony.name,
            kind = kind.as_str(),
            pattern,
            by = permit.actor(),
            existed,
            "limit removed"
        );
        Ok(existed)
    }
}
