//! Executors, as kept: what they say of themselves, and what is known of them.

use apiary_identity::{Id, Offer};
use serde::{Deserialize, Serialize};

use super::{ColonyKey, GrantKey};

/// A function that an executor announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedFunction {
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its arguments must be, as JSON Schema; empty means anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub args_schema: String,
}

/// What an executor says of itself.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its public key.
    pub key: Id,
    /// Its executor type.
    pub executor_type: String,
    /// Its name: its grant's, or the one that it would like.
    pub name: String,
    /// What it has.
    pub offer: Offer,
    /// What it can do.
    pub functions: Vec<AnnouncedFunction>,
    /// Its version, for people.
    pub version: String,
    /// How many processes it works on at once, if it says so.
    pub slots: Option<i64>,
    /// Whether an executor's grant is in force; without one there is a bound on how many may be kept.
    pub is_granted: bool,
}

/// How many executors without a grant may wait in a colony.
#[derive(Clone, Copy, Debug)]
pub struct PendingRoom {
    /// At most so many.
    pub count_max: i64,
    /// If there are as many, the one silent longest gives way, if it was last heard before this.
    pub gives_way_before_ms: i64,
}

/// Executors that are to be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Forgettable {
    /// Those last heard before this.
    pub before_ms: i64,
    /// Those that wait for approval and were last heard before this.
    pub pending_before_ms: i64,
}

/// That an executor was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its colony.
    pub colony: ColonyKey,
    /// Its public key.
    pub key: Id,
    /// Its executor type.
    pub executor_type: String,
    /// Its name, from its grant.
    pub name: String,
    /// When it was heard last.
    pub last_heard_ms: i64,
    /// What it offered last, if that is known.
    pub offer: Option<Offer>,
}

/// One executor: a key and an executor type.
#[derive(Clone, Debug)]
pub struct ExecutorRecord {
    /// Its place in the list.
    pub number: i64,
    /// Its public key.
    pub key: Id,
    /// Its executor type; empty while only its grant is known.
    pub executor_type: String,
    /// Its name.
    pub name: String,
    /// When it registered.
    pub registered_at_ms: Option<i64>,
    /// When it was turned down.
    pub rejected_at_ms: Option<i64>,
    /// When it was heard last.
    pub last_heard_ms: Option<i64>,
    /// What it offered last.
    pub offer: Offer,
    /// What it announced.
    pub functions: Vec<AnnouncedFunction>,
    /// Its version, as it says.
    pub version: String,
    /// How many processes it works on at once, if it says so.
    pub slots: Option<i64>,
    /// How many leases it holds.
    pub running: i64,
    /// Since when its name is drained.
    pub drained_at_ms: Option<i64>,
}

/// Which executors; what is absent matches all.
#[derive(Clone, Debug, Default)]
pub struct ExecutorFilter {
    /// Of this type.
    pub executor_type: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// Of this key.
    pub key: Option<Id>,
}

/// What one executor announces.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Its public key.
    pub key: Id,
    /// Its executor type.
    pub executor_type: String,
    /// Its name.
    pub name: String,
    /// When it was heard last, as far as the database knows.
    pub last_heard_ms: Option<i64>,
    /// What it announces.
    pub functions: Vec<AnnouncedFunction>,
}

/// Least, mean and most of something; absent if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub min: Option<i64>,
    /// The mean.
    pub mean: Option<i64>,
    /// The most.
    pub max: Option<i64>,
}

/// How the processes of a function did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionStatistics {
    /// The executor type.
    pub executor_type: String,
    /// The function.
    pub function: String,
    /// How many finished.
    pub count: i64,
    /// How many of them succeeded.
    pub succeeded: i64,
    /// Milliseconds from when it was submitted to its first claim.
    pub wait_ms: Spread,
    /// Milliseconds of the last attempt.
    pub run_ms: Spread,
}

/// A grant that was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedGrant {
    /// Its number in this store.
    pub key: GrantKey,
    /// The colony that gave it.
    pub colony: ColonyKey,
    /// The key that it was about.
    pub grantee: Id,
}
