//! Processes: submitting, reading, counting.

use apiary_identity::Clock;
use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    Attempt, ClaimSlot, ClaimedLease, ColonyKey, Lane, NewProcess, Page, ProcessCount, ProcessCursor, ProcessFilter,
    ProcessPage, ProcessRecord, ProcessSummary, SubmitResult,
};

/// Processes: submission, lookup, lists and counts.
#[async_trait::async_trait]
pub trait ProcessStore: Send + Sync {
    /// Stores new processes: each signed spec as an immutable row, its idempotency key, and a thin row in `queue` or, if it has parents or
    /// its `not_before_ms` lies after `now_ms`, in `blocked`. An item whose process id or live idempotency key exists changes nothing, and
    /// is answered with the existing process.
    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<SubmitResult>>;

    /// Stores new processes like [`submit`](Self::submit), and applies in the same transaction the limits of their concurrency keys whose
    /// policy is not to queue: cancels what exceeds the limit, at most [`LIMIT_CANCELS_MAX`](crate::limits::LIMIT_CANCELS_MAX)
    /// processes of a key. A running process is marked, and may run a little longer. Returns also the cancelled processes, new
    /// ones included.
    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<(ColonyKey, Uuid)>)>;

    /// Stores new processes like [`submit`](Self::submit), and leases those of this lane to these polls in the same transaction, as a claim
    /// right after it would. If something waits in the lane, a process of it is not plain, or a pause, drain, limit or revocation applies to
    /// it, nothing is leased. Returns also the leases, in any order. The time is read from `clock` after the wait for a connection, so that
    /// no lease is shortened by it.
    async fn submit_leased(
        &self,
        processes: &[NewProcess],
        lane: &Lane,
        slots: &[ClaimSlot],
        clock: &dyn Clock,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<ClaimedLease>)>;

    /// Returns the answer of [`submit`](Self::submit) for a spec that was submitted before, also if its process was deleted, or whose
    /// process id or idempotency key is taken. `None` if the process would be new. Changes nothing.
    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<SubmitResult>>;

    /// Returns a process with its signed spec; `None` if the colony has no such process.
    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>>;

    /// Returns the summaries of these processes, in any order; unknown ids are left out. For watchers.
    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>>;

    /// Returns the last attempts at a process, at most [`ATTEMPTS_MAX`](crate::limits::ATTEMPTS_MAX), oldest first; a running one is
    /// the last.
    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>>;

    /// Returns the attempt at a process with this number; `None` if there is none.
    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>>;

    /// Returns a page of the colony's processes that match, newest first. It reads a bounded number of rows, whatever matches: the page
    /// may hold fewer processes than asked for, or none, and yet the list goes on.
    async fn list_processes(
        &self,
        colony: ColonyKey,
        filter: &ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> StoreResult<ProcessPage>;

    /// Returns the number of the colony's processes that match, among a bounded number of the newest: exact where few match by their
    /// states or labels.
    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<ProcessCount>;
}
