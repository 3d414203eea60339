//! Rejections of executors that wait for approval.

use apiary_identity::Id;
use apiary_protocol::EventKind;
use apiary_store::model::NewEvent;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Rejects a key; false if it did not wait for approval. It may not register again until it is granted.
    pub(crate) async fn reject_executor(
        &self,
        permit: Permit<action::RejectExecutor>,
        key: &Id,
    ) -> Result<bool, Error> {
        let now_ms = self.clock.now_ms();
        let event = NewEvent { subject: key.to_string(), ..permit.event(EventKind::ExecutorRejected, now_ms) };
        let existed = self.store.reject_executor(permit.colony().key, key, now_ms, Some(&event)).await?;
        tracing::info!(colony = permit.colony().name, %key, by = permit.actor(), existed, "executor rejected");
        Ok(existed)
    }
}
