//! Colonies and their signed rules.

use apiary_identity::{Envelope, Id};

use crate::StoreResult;
use crate::model::{Colony, ColonyKey, ProcessState};

/// Colonies, their counts, and their signed rules.
#[async_trait::async_trait]
pub trait ColonyStore: Send + Sync {
    /// Creates a colony; the same id with the same name again returns the first.
    /// [`StoreError::Taken`] if the id has another name or the name another id.
    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64) -> StoreResult<Colony>;

    /// The colony of this key.
    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>>;

    /// How many processes are in each state that has any.
    async fn count_states(&self, colony: ColonyKey) -> StoreResult<Vec<(ProcessState, i64)>>;

    /// Keeps the colony's signed rules in place of an older version; the same bytes again change nothing.
    /// [`StoreError::Taken`] if a newer version is kept, or another document of this one.
    async fn set_guard(&self, colony: &Colony, version: i64, envelope: &Envelope) -> StoreResult<()>;

    /// The colony's signed rules, its signature checked: what was altered in the database is a [`StoreError::Corrupt`].
    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>>;
}
