//! Pauses.

use crate::StoreResult;
use crate::model::{ColonyKey, NewEvent, Pause, PauseTarget};

/// Pauses. From the commit on, no broker gives out paused work. Running work continues.
#[async_trait::async_trait]
pub trait PauseStore: Send + Sync {
    /// Stores a pause, and returns the stored one with false. If the same was paused already, returns the existing pause with true.
    /// `None`, and nothing stored, if [`PAUSES_MAX`](crate::limits::PAUSES_MAX) other things of the colony are paused.
    async fn pause(
        &self,
        colony: ColonyKey,
        pause: &Pause,
        event: Option<&NewEvent>,
    ) -> StoreResult<Option<(Pause, bool)>>;

    /// Ends a pause; false if there was none. The `max_wait` of processes that no other pause covers runs on: the time of the pause does
    /// not count.
    async fn resume(
        &self,
        colony: ColonyKey,
        what: &PauseTarget,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;

    /// Returns every pause of the colony, by kind and name.
    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>>;
}
