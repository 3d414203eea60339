//! Grants, as kept.

use apiary_identity::{Envelope, Grant, Id};
use bytes::Bytes;

use super::ColonyKey;

/// A grant's number in this store; it never leaves the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantKey(pub i64);

/// A grant whose signature was checked when it was read.
#[derive(Clone, Debug)]
pub struct GrantRecord {
    /// The grant's number in this store.
    pub key: GrantKey,
    /// The colony that issued it.
    pub colony: ColonyKey,
    /// The grant's content.
    pub grant: Grant,
    /// The signed bytes.
    pub envelope: Envelope,
    /// The time since which it is revoked.
    pub revoked_from_ms: Option<i64>,
}

/// A grant as the database holds it, unverified: for display, and for callers that verify it themselves.
#[derive(Clone, Debug)]
pub struct StoredGrant {
    /// The grant's number in this store.
    pub key: GrantKey,
    /// The colony's public key, 32 bytes if nobody tampered.
    pub colony_id: Vec<u8>,
    /// The public key that the grant is about, 32 bytes if nobody tampered.
    pub grantee: Vec<u8>,
    /// The grantee's name.
    pub name: String,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature by the colony, if nobody tampered.
    pub signature: Vec<u8>,
    /// The time since which it is revoked.
    pub revoked_from_ms: Option<i64>,
}

impl StoredGrant {
    /// Returns true if the grant is about this key.
    pub fn is_of(&self, key: &Id) -> bool {
        self.grantee == key.as_bytes()
    }
}
