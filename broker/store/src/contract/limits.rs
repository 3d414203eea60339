//! Limits on concurrency and rate.

use crate::StoreResult;
use crate::model::{ColonyKey, LimitKind, LimitRecord, LimitUse, NewEvent};

/// Limits. No broker's claim exceeds them, and the part of a rate that a claim uses is stored in the claim's own transaction.
/// A concurrency key without a fitting limit runs one process at a time.
#[async_trait::async_trait]
pub trait LimitStore: Send + Sync {
    /// Stores a limit in place of one with the same kind and pattern; it applies to every claim that begins afterwards. False, and nothing
    /// stored, if the colony has [`LIMITS_MAX`](crate::limits::LIMITS_MAX) others.
    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord, event: Option<&NewEvent>) -> StoreResult<bool>;

    /// Removes a limit; false if there was none.
    async fn remove_limit(
        &self,
        colony: ColonyKey,
        kind: LimitKind,
        pattern: &str,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Returns every limit of the colony, by kind and pattern.
    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>>;

    /// Returns the use of limits by the colony's keys in use, and by its limited functions and executor types, the greatest use first:
    /// at most [`LIMIT_USES_READ`](crate::limits::LIMIT_USES_READ).
    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>>;
}
