//! Sweeps: what becomes due by time alone.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{ColonyKey, Forgettable, Lane, LeaseRecord, ProcessState};

/// Sweeps. Each handles at most `limit` rows; fewer than `limit` means that nothing more is due.
#[async_trait::async_trait]
pub trait SweepStore: Send + Sync {
    /// Leases that are over, by their end or their `max_exec`. Changes nothing.
    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Moves processes whose time has come, and that wait for no parents, from `blocked` to `queue`; says which, and in which lane.
    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Moves processes whose `max_wait` is over from `queue` to `finished`, failed; says which, and in which lane. None of them is
    /// paused: time under a pause does not count. Those that are due and paused are not due any more until the resume.
    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Leases under revoked grants that are not over at `now_ms`. Changes nothing.
    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Forgets executors that were not heard for long; says how many. Those turned down, and those known by their grant
    /// alone, stay.
    async fn forget_executors(&self, which: Forgettable, limit: i64) -> StoreResult<u64>;

    /// Forgets idempotency keys whose retention is over; says how many.
    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Finished processes of this state, of any colony, that were finished at `finished_until_ms` or before, but for those
    /// whose idempotency key is still kept. Changes nothing.
    async fn past_retention(
        &self,
        state: ProcessState,
        finished_until_ms: i64,
        now_ms: i64,
        limit: i64,
    ) -> StoreResult<Vec<(ColonyKey, Uuid)>>;

    /// Forgets deleted processes whose `submit_by_ms` is `now_ms` or before; says how many.
    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Forgets buckets of rates that are full again; says how many.
    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// When the first of these sweeps has something to do: the least end of a lease, of a block, of a wait.
    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>>;
}
