//! Operators' actions on processes.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{Cancel, ColonyKey, Discard, Effect, NewEvent, Resubmission};

/// Operators' actions on at most a few hundred processes of one colony at a time. An item whose state does not allow the
/// action changes nothing; the answer gives that state.
#[async_trait::async_trait]
pub trait OperationStore: Send + Sync {
    /// Redrives the processes that hold the idempotency keys of these specs: failed ones and dead letters, and only those submitted by the
    /// same public key. True for each spec that redrove its process. Such a spec is remembered until its `submit_by_ms`, and submitting
    /// it again is answered with that process; so no spec redrives twice. No two specs of a batch have the same process.
    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>>;

    /// Cancels processes. A waiting or blocked process is cancelled at once. A lease is marked: it ends at the deadline at the latest, and
    /// its process is cancelled then, whatever the outcome. A lease that was marked before keeps its reason and the earlier deadline.
    async fn cancel(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        cancel: &Cancel,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>>;

    /// Moves dead letters and failed processes back to `queue`, at their old place and with all their retries. Their attempts stay,
    /// and the numbering continues.
    async fn redrive(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>>;

    /// Reserves a dead letter or a failed process for its replacement, which is to be submitted next; nobody else can redrive it
    /// from then on. Repeating it with the same replacement succeeds. [`Effect::Replaced`] if another replacement is reserved,
    /// [`Effect::Taken`] if the id of the replacement exists already.
    async fn replace(&self, colony: ColonyKey, process_id: Uuid, replaced_by: Uuid, now_ms: i64)
    -> StoreResult<Effect>;

    /// Ends the reservation for a replacement that was made at `until_ms` or before, if the replacement was never submitted; otherwise
    /// changes nothing.
    async fn cancel_replacement(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()>;

    /// Moves dead letters to the state failed, as finished at `now_ms`.
    async fn discard(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>>;

    /// Moves blocked processes to `queue` now; those that wait for parents stay ([`Effect::HasParents`]).
    async fn retry(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>>;

    /// Deletes processes that are not running, with everything that belongs to them. Until its `submit_by_ms`, a deleted spec that is
    /// submitted again is answered with the state in which it was deleted, and does not run.
    async fn delete(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>>;
}
