//! Grants, as kept.

use apiary_identity::{Envelope, Grant};

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
}
