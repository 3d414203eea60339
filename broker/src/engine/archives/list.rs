//! Listing the objects of the archive.

use apiary_store::model::StoredArchive;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Returns the recorded objects after a number, oldest first, and whether there are more.
    pub(crate) async fn list_archives(
        &self,
        permit: Permit<action::ListArchives>,
        after: i64,
        size: i64,
    ) -> Result<(Vec<StoredArchive>, bool), Error> {
        let archives = self.store.list_archives(permit.colony().key, after, size).await?;
        let is_more = i64::try_from(archives.len()).is_ok_and(|count| count >= size);
        Ok((archives, is_more))
    }
}
