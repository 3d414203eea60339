//! The archive: reading finished processes whole, recording where they are, and putting them back.

use apiary_identity::Id;
use uuid::Uuid;

use crate::StoreResult;
use crate::model::{
    ColonyKey, FinishedCursor, FinishedProcess, NewArchive, NewEvent, NewProcess, SignedBytes, StoredArchive,
};

/// The archives of colonies.
///
/// While a colony has the hold [`ARCHIVE_HOLD`](crate::model::ARCHIVE_HOLD), retention deletes a process only if the end that it has now
/// is recorded as archived. So a process that finishes late, or that finishes again, is never deleted unarchived.
#[async_trait::async_trait]
pub trait ArchiveStore: Send + Sync {
    /// Returns the last recorded object of a colony.
    async fn last_archive(&self, colony: ColonyKey) -> StoreResult<Option<StoredArchive>>;

    /// Returns the first finished processes after a position that are in no object, in the order of their ends, at most `rows`.
    async fn list_unarchived(
        &self,
        colony: ColonyKey,
        after: FinishedCursor,
        until_ms: i64,
        rows: i64,
    ) -> StoreResult<Vec<FinishedProcess>>;

    /// Returns the revocations of these grants and keys, unverified: signed bytes and signature.
    async fn revocations(&self, colony: ColonyKey, grants: &[Uuid], keys: &[Id]) -> StoreResult<Vec<SignedBytes>>;

    /// Records an object behind the last one, and moves the colony's hold behind its end; returns the number of its processes that are
    /// finished as it says, which may leave from now on. `None` if the object is not the next.
    async fn add_archive(&self, archive: &NewArchive, event: Option<&NewEvent>) -> StoreResult<Option<i64>>;

    /// Returns the objects that a process is in, each with its line from 0, newest first, at most `rows`.
    async fn find_archive(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        rows: i64,
    ) -> StoreResult<Vec<(StoredArchive, i64)>>;

    /// Returns the recorded objects after a number, oldest first.
    async fn list_archives(&self, colony: ColonyKey, after: i64, rows: i64) -> StoreResult<Vec<StoredArchive>>;

    /// Stores a finished process again, whole, and keeps it until `stay_until_ms` at least; false if there is a process of its id. Of
    /// `spec`, which is made of the signed spec, nothing enters the queue.
    async fn restore(
        &self,
        spec: &NewProcess,
        process: &FinishedProcess,
        stay_until_ms: i64,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool>;
}
