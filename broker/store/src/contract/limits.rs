//! Limits on concurrency and rate.

use crate::StoreResult;
use crate::model::{ColonyKey, LimitKind, LimitRecord, LimitUse};

/// Limits. No broker's claim exceeds them, and the part of a rate that a claim uses is stored in the claim's own transaction.
/// A concurrency key without a fitting limit runs one process at a time.
#[async_trait::async_trait]
pub trait LimitStore: Send + Sync {
    /// Keeps a limit, in place of one of the same kind and pattern; a claim that begins afterwards goes by it. False if
    /// [`LIMITS_MAX`](crate::limits::LIMITS_MAX) others are kept.
    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord) -> StoreResult<bool>;

    /// Removes a limit; whether there was one.
    async fn remove_limit(&self, colony: ColonyKey, kind: LimitKind, pattern: &str) -> StoreResult<bool>;

    /// Every limit of the colony, by kind and pattern.
    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>>;

    /// What the colony's keys use of their limits, and its limited functions and executor types, those that use most first: at
    /// most [`LIMIT_USES_READ`](crate::limits::LIMIT_USES_READ).
    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>>;
}
