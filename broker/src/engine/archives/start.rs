//! Beginning the archive, and its end.

use apiary_store::model::{ARCHIVE_HOLD, RetentionHold};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

/// The end of an archive: where its next object goes on.
pub(crate) struct ArchiveEnd {
    /// The number of the next object.
    pub(crate) next_number: i64,
    /// The digest of the last manifest; empty before the first.
    pub(crate) last_digest: String,
    /// The time before which everything is archived, but for stragglers.
    pub(crate) from_ms: i64,
    /// The broker's time.
    pub(crate) now_ms: i64,
}

impl Engine {
    /// Begins the archive of a colony: from now on retention deletes only what is archived. Returns the end of the archive.
    pub(crate) async fn start_archive(&self, permit: Permit<action::StartArchive>) -> Result<ArchiveEnd, Error> {
        let colony = permit.colony();
        // A hold never moves back: one that is there stays where it is.
        let hold = RetentionHold { name: ARCHIVE_HOLD.to_owned(), from_ms: 0 };
        let from_ms = self.store.set_retention_hold(colony.key, &hold).await?.ok_or_else(|| {
            Error::StateConflict(format!("colony `{}` has as many holds on retention as it may", colony.name))
        })?;
        let last = self.store.last_archive(colony.key).await?;
        Ok(ArchiveEnd {
            next_number: last.as_ref().map_or(1, |last| last.number.saturating_add(1)),
            last_digest: last.map(|last| last.digest.to_string()).unwrap_or_default(),
            from_ms,
            now_ms: self.clock.now_ms(),
        })
    }
}
