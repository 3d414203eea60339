//! Bulk actions.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{Bulk, BulkState, BulkStep, ColonyKey};

/// Bulk actions. One broker at a time holds one, and advances it in steps.
#[async_trait::async_trait]
pub trait BulkStore: Send + Sync {
    /// Keeps a bulk action that was just started; false if one of its id is there, or as many run in its colony as the first of
    /// `bounds` allows. Of those that ended, at least the newest stay that the second says.
    async fn start_bulk(&self, bulk: &Bulk, bounds: [i64; 2]) -> StoreResult<bool>;

    /// One bulk action.
    async fn get_bulk(&self, colony: ColonyKey, bulk_id: Uuid) -> StoreResult<Option<Bulk>>;

    /// The colony's last bulk actions, newest first.
    async fn list_bulks(&self, colony: ColonyKey, limit: i64) -> StoreResult<Vec<Bulk>>;

    /// Moves a bulk action from running to stopped, or back; false if it is not in that state.
    async fn stop_bulk(&self, colony: ColonyKey, bulk_id: Uuid, go_on: bool, now_ms: i64) -> StoreResult<bool>;

    /// Takes a running bulk action that nobody holds, for `broker_id`, until then.
    async fn hold_bulk(&self, broker_id: Uuid, now_ms: i64, until_ms: i64) -> StoreResult<Option<Bulk>>;

    /// Keeps how far it is; the state that it is in then, or `None` if another broker holds it.
    async fn advance_bulk(&self, bulk_id: Uuid, broker_id: Uuid, step: &BulkStep) -> StoreResult<Option<BulkState>>;
}
