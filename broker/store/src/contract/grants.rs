//! Grants and revocations.

use apiary_identity::{Envelope, Grant, Id, Revocation};

use crate::StoreResult;
use crate::model::{Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, NewEvent, Page, RevokedGrant, StoredGrant};

/// Grants and revocations. The signature of a [`GrantRecord`] was checked: one that was altered in the database is a
/// [`StoreError::Corrupt`](crate::StoreError::Corrupt). A [`StoredGrant`] was not checked.
#[async_trait::async_trait]
pub trait GrantStore: Send + Sync {
    /// Stores a grant; true if it was stored before. [`StoreError::Taken`](crate::StoreError::Taken) if its id belongs to another grant.
    /// An executor's grant adds the executor to the list, and ends its rejection. A grant whose id or key was revoked earlier is
    /// stored as revoked.
    async fn add_grant(
        &self,
        colony: &Colony,
        grant: &Grant,
        envelope: &Envelope,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Returns every grant for this key, oldest first, expired and revoked ones included.
    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>>;

    /// Returns these grants, unverified, in any order; unknown numbers are left out. An altered grant is returned like any other, and the
    /// reader finds the damage: one bad row must neither hide a process nor delay others.
    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>>;

    /// Returns a page of grants, oldest first, unverified: for display, and for checks elsewhere.
    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>>;

    /// Returns every grant for these keys, oldest first, unverified: for display.
    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>>;

    /// Stores a revocation, marks the grants that it names as revoked from `now_ms`, and returns all grants that it names, those revoked
    /// earlier included. The same document again changes nothing. [`StoreError::Taken`](crate::StoreError::Taken) if its id belongs to
    /// another revocation. Leases under these grants stay until the sweep that
    /// [`removed_leases`](crate::SweepStore::removed_leases) serves.
    async fn revoke_grant(
        &self,
        colony: &Colony,
        revocation: &Revocation,
        envelope: &Envelope,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<RevokedGrant>>;

    /// Returns the grants of all colonies that were revoked at `since_ms` or later, the latest first, at most `limit`.
    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>>;

    /// Returns true if any grant of the colony, expired and revoked ones included, has this name.
    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool>;
}
