//! Creating a colony. Its permit is special: the server owner is outside every colony.

use apiary_identity::{Id, check_colony_name};
use apiary_protocol::EventKind;
use apiary_store::model::{Colony, NewEvent};

use crate::Error;
use crate::auth::ServerPermit;
use crate::engine::Engine;

impl Engine {
    /// Creates a colony; the same id and name again return the first.
    pub(crate) async fn create_colony(&self, permit: ServerPermit, id: &Id, name: &str) -> Result<Colony, Error> {
        check_colony_name(name)?;
        let now_ms = self.clock.now_ms();
        let event = NewEvent { subject: name.to_owned(), ..permit.event(EventKind::ColonyCreated, now_ms) };
        let colony = self.store.create_colony(id, name, now_ms, Some(&event)).await?;
        tracing::info!(colony = colony.name, id = %colony.id, "colony created or found");
        Ok(colony)
    }
}
