//! Reasons why work waits.

use uuid::Uuid;

use crate::StoreResult;
use crate::model::{Colony, ColonyKey, ExplainRecord, Holders, Lane, LimitKind, Troubles, WaitingSort, WaitingType};

/// Reasons why work waits: for showing, never for deciding.
#[async_trait::async_trait]
pub trait ExplainStore: Send + Sync {
    /// A process with what decides whether it runs, and how long what finished since had run.
    async fn explain(&self, colony: ColonyKey, process_id: Uuid, since_ms: i64) -> StoreResult<Option<ExplainRecord>>;

    /// Who holds the places of a limit for this key or name, and what is left of its rate.
    async fn limit_holders(&self, colony: ColonyKey, kind: LimitKind, key: &str) -> StoreResult<Holders>;

    /// Sorts the waiting work of a lane by all that decides who may have it: the thousand largest sorts among so many of the first.
    async fn waiting_sorts(&self, lane: &Lane, rows: i64) -> StoreResult<Vec<WaitingSort>>;

    /// What waits, by executor type, of one colony or of all: at most a thousand types, those that wait longest first.
    /// Takes no longer when more waits: each is counted up to a bound.
    async fn waiting_types(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(Colony, WaitingType)>>;

    /// The colony's dead letters, what failed since `since_ms` because nobody took it, what waits for its surroundings, and failed
    /// processes that others wait for, those first that most wait for; each up to a bound.
    async fn troubles(&self, colony: ColonyKey, since_ms: i64) -> StoreResult<Troubles>;
}
