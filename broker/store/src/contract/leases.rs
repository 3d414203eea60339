//! Leases: claiming work, prolonging, and ending attempts.

use apiary_identity::Clock;
use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    ClaimResult, ClaimSlot, Completion, Failure, InstanceLease, Lane, LeaseEnd, LeaseRecord, Release, Renewal,
    RenewedLease, SpecRecord,
};

/// Leases. A lease is named by its fencing token (process, attempt, executor): a token that matches no lease is an answer, not an error.
#[async_trait::async_trait]
pub trait LeaseStore: Send + Sync {
    /// Moves the first waiting processes of a lane from `queue` to `leases`, in the order of `priority_time_us` and process id, at most
    /// [`CLAIM_PASS_COUNT_MAX`](crate::limits::CLAIM_PASS_COUNT_MAX). An answer without leases means that no slot can have any of the
    /// waiting work now; its fields say why.
    ///
    /// - Each process goes to the first slot that has room, whose offer meets the requirements, and one of whose grants covers the
    ///   function and has an accepted name. A process that no slot can take stays, and does not delay those behind it.
    /// - No paused work is given (colony, executor type or function), nothing beyond a limit, and nothing under a grant that is revoked or
    ///   whose name is drained.
    /// - A lease ends after the slot's `lease_ms`, or at its `max_exec` if that is earlier. The time is read from `clock` after all waits
    ///   for connections and locks, so that a lease is never shortened by them.
    /// - A claim does not wait for rows that another broker is claiming.
    /// - It may say that nothing else waits in the lane, but only if it has seen everything that was committed before it began.
    /// - If no slot can take what it reads, it reads at most [`CLAIM_SCAN_ROWS_MAX`](crate::limits::CLAIM_SCAN_ROWS_MAX) processes in one
    ///   transaction, and continues in another.
    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<ClaimResult>;

    /// Returns the leases that were claimed by runs of executors with these numbers, in any order. It reads every lease: callers gather.
    async fn leases_of_instances(&self, instances: &[i64]) -> StoreResult<Vec<InstanceLease>>;

    /// Returns those of these lanes in which work waits, whoever may have it and whatever holds it back. Costs one short read of an index for
    /// each lane.
    async fn waiting_lanes(&self, lanes: &[Lane]) -> StoreResult<Vec<Lane>>;

    /// Prolongs leases whose token matches and that are not over at `now_ms`, but never beyond `max_exec` or the deadline of a
    /// cancellation. `None` for a lost lease. The answer also says whether the executor's name, as in its grant, is drained.
    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<RenewedLease>>>;

    /// Returns the leases of these processes, in any order; processes without a lease are left out.
    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>>;

    /// Returns the signed specs of these processes, in any order; unknown ids are left out.
    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>>;

    /// Ends attempts with success: moves each process from `leases` to `finished`, and stores the result. A lease is lost if it is gone,
    /// has another attempt or executor, or is over at `now_ms`. If a cancellation was requested, the process is cancelled instead, and
    /// the result is not stored.
    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Ends attempts as [`complete`](Self::complete) does, and then claims as [`claim`](Self::claim) does, in one transaction. `None` instead
    /// of a claim if it needs one of its own, because it would wait for a lock, or read much in vain: then the attempts are ended, and
    /// nothing is claimed.
    async fn complete_and_claim(
        &self,
        completions: &[Completion],
        now_ms: i64,
        lane: &Lane,
        slots: &[ClaimSlot],
        clock: &dyn Clock,
    ) -> StoreResult<(Vec<LeaseEnd>, Option<ClaimResult>)>;

    /// Ends attempts without success: moves each process from `leases` to the table of its `next` state, and stores the outcome. If a
    /// cancellation was requested, the process is cancelled instead. A process that waits again keeps its place in the queue (its
    /// `priority_time_us`). [`StoreError::Refused`](crate::StoreError::Refused), for the whole batch, if a `next` cannot follow a failure.
    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Gives leases back without spending a retry: moves each process to `queue`, at its old place, or to `blocked` until its `until_ms`.
    /// If a cancellation was requested, the process is cancelled instead.
    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;
}
