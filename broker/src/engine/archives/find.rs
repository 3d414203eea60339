//! Finding the objects that a process is in.

use apiary_store::model::{Colony, StoredArchive};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::ARCHIVE_PLACES_MAX;

impl Engine {
    /// Returns the objects that a process is in, each with its line, newest first.
    pub(crate) async fn find_archive(
        &self,
        permit: Permit<action::FindArchive>,
        process_id: Uuid,
    ) -> Result<Vec<(StoredArchive, i64)>, Error> {
        let colony = permit.colony();
        let found = self.store.find_archive(colony.key, process_id, ARCHIVE_PLACES_MAX).await?;
        if found.is_empty() {
            return Err(no_process(colony, process_id));
        }
        Ok(found)
    }
}

fn no_process(colony: &Colony, process_id: Uuid) -> Error {
    Error::NotFound(format!("no process {process_id} in the archive of colony `{}`", colony.name))
}
