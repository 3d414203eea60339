//! Bulk actions.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{Bulk, BulkState, BulkStep, ColonyKey, NewEvent};

/// Bulk actions. At any time at most one broker holds a bulk action and advances it in steps.
#[async_trait::async_trait]
pub trait BulkStore: Send + Sync {
    /// Stores a new bulk action, and deletes old finished ones of the colony. At most `running_max` may run in the colony, and the newest
    /// `kept_min` stay in any case. False, and nothing stored, if the id exists or too many run.
    async fn start_bulk(
        &self,
        bulk: &Bulk,
        running_max: i64,
        kept_min: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Returns a bulk action; `None` if the colony has none with this id.
    async fn get_bulk(&self, colony: ColonyKey, bulk_id: Uuid) -> StoreResult<Option<Bulk>>;

    /// Returns the colony's latest bulk actions, newest first, at most `limit`.
    async fn list_bulks(&self, colony: ColonyKey, limit: i64) -> StoreResult<Vec<Bulk>>;

    /// Moves a bulk action to `wanted`: from running to stopped, or from stopped to running. False, and nothing changed, if it is in
    /// another state or does not exist.
    async fn stop_bulk(
        &self,
        colony: ColonyKey,
        bulk_id: Uuid,
        wanted: BulkState,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Gives `broker_id` the hold on a running bulk action until `until_ms`, and returns it. `None` if every one is held by
    /// another broker, or none runs. A hold that is over at `now_ms` counts as none.
    async fn hold_bulk(&self, broker_id: Uuid, now_ms: i64, until_ms: i64) -> StoreResult<Option<Bulk>>;

    /// Adds a step to the progress of a bulk action, and returns its state then. `None`, and nothing changed, if another broker holds it.
    async fn advance_bulk(
        &self,
        colony: ColonyKey,
        bulk_id: Uuid,
        broker_id: Uuid,
        step: &BulkStep,
        event: Option<&NewEvent>,
    ) -> StoreResult<Option<BulkState>>;
}
