//! Colonies, as kept.

use apiary_identity::Id;

/// A colony's number in this store; it never leaves the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColonyKey(pub i64);

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colony {
    /// The colony's number in this store.
    pub key: ColonyKey,
    /// The colony's public key, the root of its trust.
    pub id: Id,
    /// The name for people.
    pub name: String,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
}
