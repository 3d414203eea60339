//! Storing the colony's rules.

use apiary_identity::{Envelope, Guard};
use apiary_protocol::EventKind;
use apiary_store::model::NewEvent;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Stores rules that the colony signed, in place of an older version. The broker does not read them, so that it cannot decide by them:
    /// the executors fetch them, and check whether they are usable.
    pub(crate) async fn set_guard(
        &self,
        permit: Permit<action::SetGuard>,
        guard: &Guard,
        envelope: &Envelope,
    ) -> Result<(), Error> {
        let event = NewEvent {
            subject: format!("version {}", guard.version),
            detail: format!("{} rules", guard.rules.len()),
            ..permit.event(EventKind::GuardSet, self.clock.now_ms())
        };
        self.store.set_guard(permit.colony(), guard.version, envelope, Some(&event)).await?;
        tracing::info!(
            colony = permit.colony().name,
            version = guard.version,
            rules = guard.rules.len(),
            "the colony's rules stored"
        );
        Ok(())
    }
}
