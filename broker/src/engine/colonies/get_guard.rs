//! Reading the colony's rules.

use apiary_identity::Envelope;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns the colony's rules as it signed them, if it ever set any.
    pub(crate) async fn get_guard(&self, permit: Permit<action::GetGuard>) -> Result<Option<Envelope>, Error> {
        Ok(self.store.get_guard(permit.colony()).await?)
    }
}
