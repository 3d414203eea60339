//! Colonies, as kept.

use apiary_identity::Id;

/// A colony's number in this store; it never leaves the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColonyKey(pub i64);

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colony {
    /// Its number in this store.
    pub key: ColonyKey,
    /// Its public key, the root of its trust.
    pub id: Id,
    /// What people call it.
    pub name: String,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
}
