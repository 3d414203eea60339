//! Stopping and resuming a bulk action.

use apiary_protocol::EventKind;
use apiary_store::model::{Bulk, BulkState, NewEvent};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::bulks::start::subject;

impl Engine {
    /// Stops or resumes a bulk action. A step in progress is finished; a repeat changes nothing.
    pub(crate) async fn stop_bulk(
        &self,
        permit: Permit<action::StopBulk>,
        bulk_id: Uuid,
        wanted: BulkState,
    ) -> Result<Bulk, Error> {
        let colony = permit.colony();
        let bulk = self.bulk_of(colony, bulk_id).await?;
        Self::check_may(&permit, bulk.action)?;
        let kind = if wanted == BulkState::Running { EventKind::BulkResumed } else { EventKind::BulkStopped };
        let now_ms = self.clock.now_ms();
        let event = NewEvent { subject: subject(&bulk), ..permit.event(kind, now_ms) };
        let moved = self.store.stop_bulk(colony.key, bulk_id, wanted, now_ms, Some(&event)).await?;
        let bulk = self.bulk_of(colony, bulk_id).await?;
        if bulk.state != wanted {
            return Err(Error::Invalid(format!(
                "the bulk action is `{}` already: start a new one",
                bulk.state.as_str()
            )));
        }
        if moved && wanted == BulkState::Running {
            self.bulks.notify_one();
        }
        Ok(bulk)
    }
}
