//! Processes that wait for other processes.

use std::collections::HashMap;

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{ColonyKey, Parent, Settled};

/// Dependencies: parents and the processes that wait for them.
#[async_trait::async_trait]
pub trait DependencyStore: Send + Sync {
    /// Processes of the colony that another is to wait for; those that do not exist are left out.
    async fn parents(&self, colony: ColonyKey, process_ids: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>>;

    /// Processes that ended for ever, and that others still wait for.
    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>>;

    /// Ends the waiting for those of these processes that ended for ever: who waited for the last of its parents is free for
    /// [`unblock`](Self::unblock); who waits for one that was replaced waits for that; who waits for one that never succeeds is
    /// cancelled. At most `limit` waitings for each of these ends, and for each that was replaced; nothing ended means that nothing
    /// is left to end, or that another broker is at it.
    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<Settled>;
}
