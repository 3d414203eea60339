//! Finding the object that a process is in.

use apiary_store::model::{Colony, StoredArchive};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns the object that a process is in, and its line.
    pub(crate) async fn find_archive(
        &self,
        permit: Permit<action::FindArchive>,
        process_id: Uuid,
    ) -> Result<(StoredArchive, i64), Error> {
        let colony = permit.colony();
        let found = self.store.find_archive(colony.key, process_id).await?;
        found.ok_or_else(|| no_process(colony, process_id))
    }
}

fn no_process(colony: &Colony, process_id: Uuid) -> Error {
    Error::NotFound(format!("no process {process_id} in the archive of colony `{}`", colony.name))
}
