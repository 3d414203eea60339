//! Listing bulk actions.

use apiary_store::model::Bulk;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::BULKS_LISTED_MAX;

impl Engine {
    /// Returns the colony's last bulk actions, newest first.
    pub(crate) async fn list_bulks(&self, permit: Permit<action::ListBulks>) -> Result<Vec<Bulk>, Error> {
        Ok(self.store.list_bulks(permit.colony().key, BULKS_LISTED_MAX).await?)
    }
}
