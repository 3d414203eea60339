//! Pauses.

use crate::StoreResult;
use crate::model::{ColonyKey, Pause, Paused};

/// Pauses: from the commit on, no broker hands out what is paused. Running work continues.
#[async_trait::async_trait]
pub trait PauseStore: Send + Sync {
    /// Keeps a pause; the pause as it is kept, which is the first one if it was paused already, and whether it was.
    /// `None` if [`PAUSES_MAX`](crate::limits::PAUSES_MAX) other things of the colony are paused.
    async fn pause(&self, colony: ColonyKey, pause: &Pause) -> StoreResult<Option<(Pause, bool)>>;

    /// Ends a pause; whether there was one. The waits of the processes that no other pause covers are counted on.
    async fn resume(&self, colony: ColonyKey, what: &Paused, now_ms: i64) -> StoreResult<bool>;

    /// Every pause of the colony, by kind and name.
    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>>;
}
