//! Sweeps: work that becomes due by time alone.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{ExpiryBounds, Lane, LeaseRecord};

/// Sweeps. Each handles at most `limit` rows; fewer than `limit` means that nothing more is due, or that another broker is handling it.
#[async_trait::async_trait]
pub trait SweepStore: Send + Sync {
    /// Returns leases that are over at `now_ms`, by their end or their `max_exec`. Changes nothing.
    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Moves processes whose time has come, and that wait for no parents, from `blocked` to `queue`. Returns each with its lane.
    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Moves processes whose `max_wait` is over from `queue` to `finished`, failed. Returns each with its lane. Time under a pause does not
    /// count: the `max_wait` of due processes that are paused stops until the resume, and they are not returned.
    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Returns leases under revoked grants that are not over at `now_ms`. Changes nothing.
    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Deletes executors that were last heard before the given times, and returns their number. Rejected executors stay, and so do those
    /// that are known by their grant alone.
    async fn forget_executors(&self, which: ExpiryBounds, limit: i64) -> StoreResult<u64>;

    /// Deletes idempotency keys whose retention is over, and returns their number.
    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Deletes the records of deleted processes whose `submit_by_ms` is `now_ms` or before, and returns their number.
    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Deletes token buckets that are full again, and returns their number: a missing bucket counts as full.
    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Adds the changes of the numbers of processes to the numbers, if there are many and this broker has just changed something, and
    /// returns how many it added. The numbers are exact before and after; reading them is faster afterwards.
    async fn fold_counts(&self, limit: i64) -> StoreResult<u64>;

    /// Returns the time at which the first lease, block or `max_wait` ends; `None` if there is none.
    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>>;
}
