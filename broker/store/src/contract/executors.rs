//! Executors: their own announcements, and when they were last seen.

use apiary_identity::Id;

use crate::StoreResult;
use crate::model::{
    Announcement, ColonyKey, Contact, ExecutorCursor, ExecutorFilter, ExecutorRecord, FunctionStatistics, Page,
    PendingRoom, Registration,
};

/// Executors as they announce themselves. A row is a key and an executor type.
#[async_trait::async_trait]
pub trait ExecutorStore: Send + Sync {
    /// Keeps what an executor says of itself, in the place of what it said before. False if it is not granted, is not yet
    /// kept, and there is no room for another that waits. Being turned down stays.
    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingRoom,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// Turns a key down that registered and never had an executor's grant; false if there is none.
    async fn reject_executor(&self, colony: ColonyKey, key: &Id, now_ms: i64) -> StoreResult<bool>;

    /// One page of executors by their first appearance, with how many leases they hold that are not over at `now_ms`. One that
    /// is known by its grant alone has no executor type, and is left out once its key has said one.
    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>>;

    /// Notes when executors were heard, and makes those known that were not; the later moment counts. No two contacts are of
    /// the same colony, key and type.
    async fn hear_executors(&self, contacts: &[Contact]) -> StoreResult<()>;

    /// Has executors of this name take no new work.
    async fn drain_executor(&self, colony: ColonyKey, name: &str, drained_by: &str, now_ms: i64) -> StoreResult<()>;

    /// Lets executors of this name take work again.
    async fn drain_executor_off(&self, colony: ColonyKey, name: &str) -> StoreResult<()>;

    /// What executors with a grant announce, those heard last first.
    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>>;

    /// How functions did, by executor type and name: of the last `maxima[0]` processes that finished since, at most
    /// `maxima[1]` functions.
    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        maxima: [i64; 2],
    ) -> StoreResult<Vec<FunctionStatistics>>;
}
