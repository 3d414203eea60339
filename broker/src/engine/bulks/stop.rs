//! Stopping and resuming a bulk action.

use apiary_store::model::{Bulk, BulkState};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

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
        Self::check_may(permit.grant(), bulk.action)?;
        let moved = self.store.stop_bulk(colony.key, bulk_id, wanted, self.clock.now_ms()).await?;
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
