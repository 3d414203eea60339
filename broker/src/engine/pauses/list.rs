//! Listing pauses.

use apiary_store::model::Pause;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns every pause of the colony, by kind and name.
    pub(crate) async fn list_pauses(&self, permit: Permit<action::ListPauses>) -> Result<Vec<Pause>, Error> {
        Ok(self.store.list_pauses(permit.colony().key).await?)
    }
}
