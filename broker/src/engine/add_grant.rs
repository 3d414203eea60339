//! Keeping a grant.

use apiary_identity::{Envelope, Grant};

use super::Engine;
use crate::Error;
use crate::auth::{Permit, action};

impl Engine {
    /// Keeps a grant that the colony signed; true if this very grant was there.
    pub(crate) async fn add_grant(
        &self,
        permit: Permit<action::AddGrant>,
        grant: &Grant,
        envelope: &Envelope,
    ) -> Result<bool, Error> {
        let existed = self.store.add_grant(permit.colony(), grant, envelope, self.clock.now_ms()).await?;
        tracing::info!(
            colony = permit.colony().name, name = grant.name, role = grant.role.as_str(), key = %grant.key, existed,
            "grant kept"
        );
        Ok(existed)
    }
}
