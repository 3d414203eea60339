//! Leases: claiming work, prolonging, and ending attempts.

use apiary_identity::Clock;
use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    ClaimSlot, Claims, Completion, Failure, Lane, LeaseEnd, LeaseRecord, Release, Renewal, Renewed, SpecRecord,
};

/// Leases. Each method is guarded by the attempt's number: a lease that is gone is an answer, not an error.
#[async_trait::async_trait]
pub trait LeaseStore: Send + Sync {
    /// Moves the first waiting processes of a lane from `queue` to `leases`, by `priority_time_us`, ties by process id, at
    /// most [`CLAIM_PASS_COUNT_MAX`](crate::limits::CLAIM_PASS_COUNT_MAX): each to the first slot that still has room, whose
    /// offer meets what it requires, and one of whose grants has a name that it accepts and covers its function. Nothing
    /// is taken that is paused (the colony, the type, the function), and nothing under a grant whose name is being
    /// drained. A process that no slot can take stays and does not hinder those behind it. Never waits for rows that
    /// another broker is claiming. A lease ends after the slot's `lease_ms`, or earlier, at its `max_exec`; both from the time that
    /// the clock shows when all waiting for connections and locks is over. Where nobody can take what waits, it walks
    /// [`CLAIM_WALK_MAX`](crate::limits::CLAIM_WALK_MAX) processes in a transaction, and goes on in the next.
    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<Claims>;

    /// Prolongs leases that are still held (the token matches) and not yet over at `now_ms`, but never past the deadline of a
    /// cancellation; `None` for a lost lease. Says whether the executor is being drained, as its grant names it.
    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<Renewed>>>;

    /// The leases of these processes, in any order; those not leased are left out.
    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>>;

    /// The signed specs of these processes, in any order.
    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>>;

    /// Ends attempts with success: from `leases` to `finished`, the result kept. Lost is a lease that is gone, of another
    /// attempt or executor, or over at `now_ms`. One that is being cancelled ends so, and its result is not kept.
    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Ends attempts otherwise: from `leases` to wherever `next` says, or, being cancelled, to `finished`; the ending kept.
    /// A process that waits again keeps its place in the queue (its `priority_time_us`).
    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Gives leases back, no retry spent: to `queue`, at their place, or to `blocked` where they are to wait; or, being
    /// cancelled, to `finished`.
    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;
}
