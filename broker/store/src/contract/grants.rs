//! Grants and revocations.

use apiary_identity::{Envelope, Grant, Id, Revocation};

use crate::StoreResult;
use crate::model::{Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, Page, RevokedGrant, StoredGrant};

/// Grants and revocations. A [`GrantRecord`] comes back with its signature checked: one altered in the database is a
/// [`StoreError::Corrupt`](crate::StoreError::Corrupt).
#[async_trait::async_trait]
pub trait GrantStore: Send + Sync {
    /// Keeps a grant; true if it was there. [`StoreError::Taken`] if its id belongs to another grant. An executor's makes the
    /// executor known, and forgets that it was turned down. A grant that was revoked before, by its id or its key, is dead
    /// from the start.
    async fn add_grant(&self, colony: &Colony, grant: &Grant, envelope: &Envelope, now_ms: i64) -> StoreResult<bool>;

    /// Every grant for this key, oldest first, expired and revoked ones too.
    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>>;

    /// These grants, unverified, in any order; those that do not exist are left out. What was tampered with is passed
    /// on for the reader to find: it must neither hide a process nor hold up the others.
    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>>;

    /// One page of grants, oldest first, unverified: for showing and checking elsewhere.
    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>>;

    /// Every grant for these keys, oldest first, unverified: for showing.
    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>>;

    /// Keeps a revocation, and marks the grants that it names as revoked from now; returns all that it names. The same again
    /// changes nothing. [`StoreError::Taken`] if its id belongs to another revocation. Leases under these grants stay for
    /// [`removed_leases`](Self::removed_leases).
    async fn revoke_grant(
        &self,
        colony: &Colony,
        revocation: &Revocation,
        envelope: &Envelope,
        now_ms: i64,
    ) -> StoreResult<Vec<RevokedGrant>>;

    /// Grants of all colonies that were revoked since, the last first, at most `limit`.
    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>>;

    /// Whether any grant of the colony, also an old one, has this name.
    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool>;
}
