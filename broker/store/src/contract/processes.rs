//! Processes: submitting, reading, counting.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    Attempt, ColonyKey, NewProcess, Page, ProcessCursor, ProcessFilter, ProcessRecord, ProcessSummary, Submitted,
};

/// Processes, from their submission to what is shown of them.
#[async_trait::async_trait]
pub trait ProcessStore: Send + Sync {
    /// Keeps processes: each signed spec as an immutable row, its idempotency key, and a thin row in `queue` (or,
    /// if `not_before_ms` lies after `now_ms`, in `blocked`). An item whose process id or live idempotency key
    /// is taken changes nothing and answers with what is there.
    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<Submitted>>;

    /// The same, and holds the new processes to the limits of their concurrency keys whose policy is not to queue, in the same
    /// transaction: at most so many of a key are unfinished afterwards, or on the way to their end, up to
    /// [`LIMIT_CANCELS_MAX`](crate::limits::LIMIT_CANCELS_MAX). Says also which were cancelled for it, the new ones among them.
    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<Submitted>, Vec<(ColonyKey, Uuid)>)>;

    /// How [`submit`](Self::submit) would answer what was submitted before: the same spec, also if it was deleted, or another with its
    /// idempotency key.
    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<Submitted>>;

    /// One process.
    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>>;

    /// These processes' summaries, in any order; those that do not exist are left out. For watchers.
    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>>;

    /// The last attempts at a process, at most [`ATTEMPTS_MAX`](crate::limits::ATTEMPTS_MAX), oldest first, the running one
    /// last.
    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>>;

    /// One attempt at a process, by its number.
    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>>;

    /// One page of the colony's processes that match, newest first.
    async fn list_processes(
        &self,
        colony: ColonyKey,
        filter: &ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> StoreResult<Vec<ProcessSummary>>;

    /// How many of the colony's processes match.
    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<i64>;
}
