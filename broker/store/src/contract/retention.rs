//! Retention: finished processes leave by time, a range at once.

use crate::StoreResult;
use crate::model::{ColonyKey, ProcessState, RangeResult, RetentionBacklog, RetentionHold, RetentionRange};

/// Retention of finished processes.
#[async_trait::async_trait]
pub trait RetentionStore: Send + Sync {
    /// Returns the colonies with processes that finished in this state at `until_ms` or before, each with the end of the first. Of the
    /// colonies in `fronts`, only what finished after their time counts. Changes nothing.
    async fn past_retention(
        &self,
        state: ProcessState,
        until_ms: i64,
        fronts: &[(ColonyKey, i64)],
    ) -> StoreResult<Vec<(ColonyKey, i64)>>;

    /// Deletes the first processes of a range with everything that belongs to them. Keeps those that others wait for, those whose
    /// idempotency key is live, and everything under a hold. `None` if another broker is deleting at this moment.
    async fn delete_past(&self, range: &RetentionRange) -> StoreResult<Option<RangeResult>>;

    /// Returns the reasons why the first processes of a range are still there. Changes nothing.
    async fn retention_backlog(&self, range: &RetentionRange) -> StoreResult<RetentionBacklog>;

    /// Sets a hold, or moves it; returns the time at which it stands. A hold never moves back, because what finished before it may be gone.
    /// Every deletion that begins or ends after this call respects it. `None` if the colony has as many holds as it may.
    async fn set_retention_hold(&self, colony: ColonyKey, hold: &RetentionHold) -> StoreResult<Option<i64>>;

    /// Removes a hold; false if there is none of this name.
    async fn remove_retention_hold(&self, colony: ColonyKey, name: &str) -> StoreResult<bool>;

    /// Returns the holds of a colony, the one that keeps the most first.
    async fn list_retention_holds(&self, colony: ColonyKey) -> StoreResult<Vec<RetentionHold>>;
}
