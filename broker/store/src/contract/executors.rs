//! Executors: their own announcements, and when they were last seen.

use apiary_identity::Id;

use crate::StoreResult;
use crate::model::{
    Announcement, ColonyKey, ExecutorCursor, ExecutorFilter, ExecutorRecord, FunctionStatistics, LastSeen, NewEvent,
    Page, PendingBound, Registration,
};

/// Executors as they announce themselves. A row is a key and an executor type.
#[async_trait::async_trait]
pub trait ExecutorStore: Send + Sync {
    /// Stores an executor's description of itself in place of the previous one. False, and nothing stored, if the executor has no grant, is
    /// not stored yet, and `room` is used up. A rejection stays.
    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingBound,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Rejects a key that registered and never had an executor's grant. False, and nothing changed, if there is no such key.
    async fn reject_executor(
        &self,
        colony: ColonyKey,
        key: &Id,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Returns a page of executors in the order of their first appearance, each with the number of its leases that are not over at
    /// `now_ms`. An executor that is known by its grant alone has no executor type; it is left out once its key has registered with one.
    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>>;

    /// Stores last-seen times and offers, and adds executors that are not stored yet. A time before the stored one changes nothing. No two
    /// contacts have the same colony, key and type.
    async fn record_last_seen(&self, contacts: &[LastSeen]) -> StoreResult<()>;

    /// Stops new work for executors of this name. Repeating it keeps the first caller and time.
    async fn drain_executor(
        &self,
        colony: ColonyKey,
        name: &str,
        drained_by: &str,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<()>;

    /// Allows new work for executors of this name again; does nothing if they were not drained.
    async fn undrain_executor(&self, colony: ColonyKey, name: &str, event: Option<&NewEvent>) -> StoreResult<()>;

    /// Returns the announced functions of executors with a grant that is not revoked, those heard last first, at most `limit` executors.
    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>>;

    /// Returns statistics of functions, in the order of executor type and name: over the last `processes_max` processes that finished since
    /// `since_ms`, for at most `functions_max` functions.
    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        processes_max: i64,
        functions_max: i64,
    ) -> StoreResult<Vec<FunctionStatistics>>;
}
