//! Executors, as stored: what they report about themselves, and what the broker knows of them.

use apiary_identity::{Id, Offer};
use serde::{Deserialize, Serialize};

use super::{ColonyKey, GrantKey};

/// A function that an executor announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedFunction {
    /// The function's name.
    pub name: String,
    /// A description for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The JSON Schema of the arguments; empty allows any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub args_schema: String,
}

/// An executor's own description of itself.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The executor's public key.
    pub key: Id,
    /// The executor type.
    pub executor_type: String,
    /// The name in its grant; without a grant, the name that it asks for.
    pub name: String,
    /// The labels and resources that it offers.
    pub offer: Offer,
    /// The functions that it announces.
    pub functions: Vec<AnnouncedFunction>,
    /// The software's version, for people.
    pub version: String,
    /// The number of processes that it works on at once; `None` if it does not say.
    pub slots: Option<i64>,
    /// True if a grant of the executor is in force. The number of executors without one is bounded.
    pub is_granted: bool,
}

/// The bound on executors without a grant in a colony.
#[derive(Clone, Copy, Debug)]
pub struct PendingBound {
    /// The greatest number of them.
    pub count_max: i64,
    /// At that number, the executor silent longest is removed to make room, if it was last heard before this time.
    pub gives_way_before_ms: i64,
}

/// Bounds of age for the executors to delete.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryBounds {
    /// Executors last heard before this time.
    pub before_ms: i64,
    /// Executors that wait for approval and were last heard before this time.
    pub pending_before_ms: i64,
}

/// A last-seen record of an executor, to be flushed to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// The executor's colony.
    pub colony: ColonyKey,
    /// The executor's public key.
    pub key: Id,
    /// The executor type.
    pub executor_type: String,
    /// The executor's name, from its grant.
    pub name: String,
    /// When it was last heard.
    pub last_heard_ms: i64,
    /// The last offer, if known.
    pub offer: Option<Offer>,
}

/// An executor: a key and an executor type.
#[derive(Clone, Debug)]
pub struct ExecutorRecord {
    /// The position in the list.
    pub number: i64,
    /// The executor's public key.
    pub key: Id,
    /// The executor type; empty while only its grant is known.
    pub executor_type: String,
    /// The executor's name.
    pub name: String,
    /// When it registered.
    pub registered_at_ms: Option<i64>,
    /// When an operator rejected it.
    pub rejected_at_ms: Option<i64>,
    /// When it was last heard.
    pub last_heard_ms: Option<i64>,
    /// The last offer.
    pub offer: Offer,
    /// The functions that it announced.
    pub functions: Vec<AnnouncedFunction>,
    /// The software's version, as reported.
    pub version: String,
    /// The number of processes that it works on at once; `None` if it does not say.
    pub slots: Option<i64>,
    /// The number of leases that it holds.
    pub running: i64,
    /// The time since which its name is drained.
    pub drained_at_ms: Option<i64>,
}

/// A filter on executors; an absent field matches all.
#[derive(Clone, Debug, Default)]
pub struct ExecutorFilter {
    /// The executor type.
    pub executor_type: Option<String>,
    /// The executor's name.
    pub name: Option<String>,
    /// The executor's public key.
    pub key: Option<Id>,
}

/// The functions that one executor announces.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The executor's public key.
    pub key: Id,
    /// The executor type.
    pub executor_type: String,
    /// The executor's name.
    pub name: String,
    /// When it was last heard, according to the database.
    pub last_heard_ms: Option<i64>,
    /// The functions.
    pub functions: Vec<AnnouncedFunction>,
}

/// Minimum, mean and maximum; absent if there was nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinMeanMax {
    /// The minimum.
    pub min: Option<i64>,
    /// The mean.
    pub mean: Option<i64>,
    /// The maximum.
    pub max: Option<i64>,
}

/// Statistics of the finished processes of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionStatistics {
    /// The executor type.
    pub executor_type: String,
    /// The function.
    pub function: String,
    /// The number of processes that finished.
    pub count: i64,
    /// The number of them that succeeded.
    pub succeeded: i64,
    /// Milliseconds from the submit to the first claim.
    pub wait_ms: MinMeanMax,
    /// Milliseconds of the last attempt.
    pub run_ms: MinMeanMax,
    /// True if further processes finished in the time that was asked for: only the last ones count.
    pub is_cut: bool,
}

/// A grant that was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedGrant {
    /// The grant's number in this store.
    pub key: GrantKey,
    /// The colony that issued it.
    pub colony: ColonyKey,
    /// The public key that it was about.
    pub grantee: Id,
}
