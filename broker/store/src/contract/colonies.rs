//! Colonies and their signed rules.

use apiary_identity::{Envelope, Id};

use crate::StoreResult;
use crate::model::{Colony, ColonyKey, NewEvent, ProcessState};

/// Colonies, their counts, and their signed rules.
#[async_trait::async_trait]
pub trait ColonyStore: Send + Sync {
    /// Creates a colony and returns it. The same id with the same name again returns the existing colony.
    /// [`StoreError::Taken`](crate::StoreError::Taken) if the id has another name, or the name belongs to another id.
    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64, event: Option<&NewEvent>) -> StoreResult<Colony>;

    /// Returns the colony of this public key; `None` if there is none.
    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>>;

    /// Returns the colonies, those created first first, at most `limit`.
    async fn list_colonies(&self, limit: i64) -> StoreResult<Vec<Colony>>;

    /// Returns the number of processes in each state, of one colony or, with `None`, of all; states without processes are left out.
    async fn count_states(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(ProcessState, i64)>>;

    /// Stores the colony's signed rules in place of an older version; the same bytes again change nothing.
    /// [`StoreError::Taken`](crate::StoreError::Taken) if a newer version is stored, or another document with this version.
    async fn set_guard(
        &self,
        colony: &Colony,
        version: i64,
        envelope: &Envelope,
        event: Option<&NewEvent>,
    ) -> StoreResult<()>;

    /// Returns the colony's signed rules, after checking the signature; `None` if the colony has set none.
    /// [`StoreError::Corrupt`](crate::StoreError::Corrupt) if they were altered in the database.
    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>>;
}
