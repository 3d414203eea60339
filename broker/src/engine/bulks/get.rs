//! Reading the progress of a bulk action.

use apiary_store::model::{Bulk, Colony};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns a bulk action of the caller's colony.
    pub(crate) async fn get_bulk(&self, permit: Permit<action::GetBulk>, bulk_id: Uuid) -> Result<Bulk, Error> {
        self.bulk_of(permit.colony(), bulk_id).await
    }

    pub(in crate::engine) async fn bulk_of(&self, colony: &Colony, bulk_id: Uuid) -> Result<Bulk, Error> {
        let found = self.store.get_bulk(colony.key, bulk_id).await?;
        found.ok_or_else(|| Error::NotFound(format!("no bulk action {bulk_id} in colony `{}`", colony.name)))
    }
}
