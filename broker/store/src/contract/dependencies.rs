//! Processes that wait for other processes.

use std::collections::HashMap;

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{ColonyKey, Parent, SettleResult};

/// Dependencies: parents and the processes that wait for them.
#[async_trait::async_trait]
pub trait DependencyStore: Send + Sync {
    /// Returns the states of processes of the colony that a new process is to wait for; unknown ids are left out.
    async fn parents(&self, colony: ColonyKey, process_ids: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>>;

    /// Returns at most `limit` parents with a final outcome that other processes still wait for. Changes nothing.
    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>>;

    /// Ends the waits for those of these processes that have a final outcome:
    /// - After a success, a child without further parents can be moved by [`unblock`](crate::SweepStore::unblock).
    /// - After a replacement, the children wait for the replacement.
    /// - After a cancellation or a deletion, the children are cancelled.
    ///
    /// A call ends at most `limit` waits for each of these outcomes, and may apply the limit to each replaced process. An answer without
    /// ended waits means that none is left, or that another broker is ending them.
    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<SettleResult>;
}
