//! Grants, as kept.

use apiary_identity::{Envelope, Grant};
use bytes::Bytes;

use super::ColonyKey;

/// A grant's number in this store; it never leaves the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantKey(pub i64);

/// A grant whose signature was checked when it was read.
#[derive(Clone, Debug)]
pub struct GrantRecord {
    /// Its number in this store.
    pub key: GrantKey,
    /// The colony that gave it.
    pub colony: ColonyKey,
    /// What it says.
    pub grant: Grant,
    /// The signed bytes.
    pub envelope: Envelope,
    /// Since when it is revoked.
    pub revoked_from_ms: Option<i64>,
}

/// A grant as the database holds it, unverified: for showing, and for those who check it themselves.
#[derive(Clone, Debug)]
pub struct StoredGrant {
    /// Its number in this store.
    pub key: GrantKey,
    /// The colony's public key, 32 bytes if nobody tampered.
    pub colony_id: Vec<u8>,
    /// The public key that the grant is about, 32 bytes if nobody tampered.
    pub grantee: Vec<u8>,
    /// The grantee's name.
    pub name: String,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature by the colony, 64 bytes if nobody tampered.
    pub signature: Vec<u8>,
    /// Since when it is revoked.
    pub revoked_from_ms: Option<i64>,
}
