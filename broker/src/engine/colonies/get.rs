//! Reading a colony.

use apiary_store::model::{Colony, ProcessState};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns the caller's colony, and the number of processes in each state that has any, in the order of a life.
    pub(crate) async fn get_colony(
        &self,
        permit: Permit<action::GetColony>,
    ) -> Result<(Colony, Vec<(ProcessState, i64)>), Error> {
        Ok((permit.colony().clone(), self.counts_of(permit.colony()).await?))
    }

    /// Returns the number of processes in each state that has any, in the order of a life.
    pub(in crate::engine) async fn counts_of(&self, colony: &Colony) -> Result<Vec<(ProcessState, i64)>, Error> {
        let mut counts = self.store.count_states(Some(colony.key)).await?;
        let place = |state: ProcessState| ProcessState::ALL.iter().position(|other| *other == state);
        counts.sort_by_key(|(state, _)| place(*state));
        Ok(counts)
    }
}
