//! Storing a grant.

use apiary_identity::{Envelope, Grant};
use apiary_protocol::EventKind;
use apiary_store::model::NewEvent;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::notify::wakeups::Hint;

impl Engine {
    /// Stores a grant that the colony signed; true if this very grant existed. The grant of a revoked key is stored as revoked, and
    /// rejected: a revoked key is never trusted again.
    pub(crate) async fn add_grant(
        &self,
        permit: Permit<action::AddGrant>,
        grant: &Grant,
        envelope: &Envelope,
    ) -> Result<bool, Error> {
        let now_ms = self.clock.now_ms();
        let rights: Vec<&str> = grant.rights.iter().map(|right| right.as_str()).collect();
        let event = NewEvent {
            subject: grant.name.clone(),
            detail: format!(
                "{} {}, grant {}, until {}, rights: {}",
                grant.role.as_str(),
                grant.key,
                grant.grant_id,
                grant.valid_until,
                if rights.is_empty() { "none".to_owned() } else { rights.join(", ") }
            ),
            ..permit.event(EventKind::GrantAdded, now_ms)
        };
        let existed = self.store.add_grant(permit.colony(), grant, envelope, now_ms, Some(&event)).await?;
        tracing::info!(
            colony = permit.colony().name, name = grant.name, role = grant.role.as_str(), key = %grant.key, existed,
            "grant added"
        );
        // The new grant enters this cache and clears those of other brokers: an executor with several grants claims under all of them.
        let grants = self.grants.of_key(permit.colony(), &grant.key).await?;
        self.wakeups.tell(|| Hint::Announced(permit.colony().key));
        if grants.iter().any(|kept| kept.grant.grant_id == grant.grant_id && kept.revoked_from_ms.is_some()) {
            return Err(Error::NotPermitted(format!(
                "the key {} or this very grant is revoked: grant a new key",
                grant.key
            )));
        }
        Ok(existed)
    }
}
