//! Operators' actions on processes.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{Cancel, ColonyKey, Discard, Effect, Resubmission};

/// Operators' actions on at most a few hundred processes of one colony at a time. An item whose state does not allow the
/// action changes nothing; the answer gives that state.
#[async_trait::async_trait]
pub trait OperationStore: Send + Sync {
    /// Redrives the processes that specs met by their idempotency keys: failed ones and dead letters of the same submitter's key.
    /// Remembers each spec that does so, until its `submit_by_ms`, and answers it with that process from then on; so it never does
    /// so twice. Says which of them did. No two specs of a batch met the same process.
    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>>;

    /// Cancels: what waits or is blocked at once; a lease gets the mark, ends at the deadline at the latest, and its process is
    /// cancelled then, however it ends. A lease that has the mark keeps its words, and the earlier deadline.
    async fn cancel(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        cancel: &Cancel,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>>;

    /// Lets dead letters and failed processes wait again, at their place, with all their retries. Attempts stay, and their
    /// numbers go on.
    async fn redrive(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>>;

    /// Keeps a dead letter or a failed process for another to take its place, which is to be submitted next: nobody else can
    /// redrive it from then on. The same other again changes nothing; an other that is there already is refused.
    async fn replace(&self, colony: ColonyKey, process_id: Uuid, replaced_by: Uuid, now_ms: i64)
    -> StoreResult<Effect>;

    /// Lets go of a process whose replacement was to come at `until_ms` or before, and is not there.
    async fn replace_off(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()>;

    /// Gives dead letters up: failed from `now_ms` on.
    async fn discard(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>>;

    /// Lets blocked processes wait now, but for those that wait for parents.
    async fn retry(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>>;

    /// Deletes processes that do not run, with all that belongs to them. Until its `submit_by_ms` is forgotten, the same spec
    /// submitted again is answered with the state that it was deleted in, and does not run. With `finished_until_ms`, for
    /// retention, only what has been finished since then or longer.
    async fn delete(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        finished_until_ms: Option<i64>,
    ) -> StoreResult<Vec<Effect>>;
}
