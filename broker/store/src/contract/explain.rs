//! Reasons why work waits.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    Colony, ColonyKey, ColonyProblems, ExplainRecord, Lane, LimitHolders, LimitKind, RunningType, WaitingGroup,
    WaitingType,
};

/// Reasons why work waits: for showing, never for deciding.
#[async_trait::async_trait]
pub trait ExplainStore: Send + Sync {
    /// Returns a process with everything that decides whether it runs, and the mean duration of its type's attempts since `since_ms`.
    /// `None` if the colony has no such process.
    async fn explain(&self, colony: ColonyKey, process_id: Uuid, since_ms: i64) -> StoreResult<Option<ExplainRecord>>;

    /// Returns the processes that run under a limit for this key or name, and the rest of its rate.
    async fn limit_holders(&self, colony: ColonyKey, kind: LimitKind, key: &str) -> StoreResult<LimitHolders>;

    /// Groups the first `rows` waiting processes of a lane by everything that decides which executors may have them. Returns the thousand
    /// largest groups.
    async fn waiting_sorts(&self, lane: &Lane, rows: i64) -> StoreResult<Vec<WaitingGroup>>;

    /// Returns the waiting work by executor type, of one colony or, with `None`, of all: at most a thousand types, the longest wait first.
    /// The duration does not grow with the queue: each type is counted up to a bound.
    async fn waiting_types(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(Colony, WaitingType)>>;

    /// Returns the running work by executor type, of all colonies: at most a thousand types, the longest run first. Reads every lease: no
    /// more work runs than executors have slots.
    async fn running_types(&self) -> StoreResult<Vec<RunningType>>;

    /// Returns the conditions of the colony that need an operator, each counted up to a bound: dead letters; processes that failed since
    /// `since_ms` because no executor claimed them; processes that wait for their surroundings; and failed processes that others
    /// wait for, those with the most children first.
    async fn troubles(&self, colony: ColonyKey, since_ms: i64) -> StoreResult<ColonyProblems>;
}
