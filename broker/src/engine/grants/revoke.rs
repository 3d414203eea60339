//! Revoking grants.

use apiary_identity::{Envelope, Revocation};
use apiary_protocol::EventKind;
use apiary_store::model::NewEvent;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::leases::revoked::give_back_revoked;
use crate::engine::notify::wakeups::Hint;
use crate::limits::GIVE_BACK_AGAIN_MS;

/// The effect of a revocation.
pub(crate) struct RevokeResult {
    /// The number of revoked grants.
    pub(crate) grants: usize,
    /// The number of released leases.
    pub(crate) leases: usize,
}

impl Engine {
    /// Revokes the grants that a revocation names. Once it returns, this broker does nothing more under them; other brokers get a hint at
    /// once, or read it within seconds. Work that is leased under them waits again, and no retry is spent.
    pub(crate) async fn revoke_grant(
        &self,
        permit: Permit<action::RevokeGrant>,
        revocation: &Revocation,
        envelope: &Envelope,
    ) -> Result<RevokeResult, Error> {
        let colony = permit.colony();
        let now_ms = self.clock.now_ms();
        let named = match (&revocation.grant_id, &revocation.key) {
            (Some(grant_id), _) => format!("grant {grant_id}"),
            (None, Some(key)) => format!("key {key}"),
            (None, None) => String::new(),
        };
        let event = NewEvent {
            subject: named,
            detail: format!("revocation {}", revocation.revocation_id),
            ..permit.event(EventKind::GrantRevoked, now_ms)
        };
        let revoked = self.store.revoke_grant(colony, revocation, envelope, now_ms, Some(&event)).await?;
        self.grants.revoked(&revoked);
        self.catalogue.forget(colony.key);
        for grant in &revoked {
            self.wakeups.tell(|| Hint::Revoked(*grant));
        }
        let moved = give_back_revoked(&*self.store, &*self.clock, &self.wakeups, &self.lines).await?;
        // A claim that was under way at another broker may still lease work: the next sweep releases it.
        self.wakeups.due_at(now_ms.saturating_add(GIVE_BACK_AGAIN_MS));
        let leases = moved.iter().filter(|lease| lease.lane.colony == colony.key).count();
        tracing::info!(
            colony = colony.name, revocation_id = %revocation.revocation_id, grants = revoked.len(), leases, "grants revoked"
        );
        Ok(RevokeResult { grants: revoked.len(), leases })
    }
}
