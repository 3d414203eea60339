//! The archive: reading finished processes whole, recording objects, and putting processes back.

use std::time::Duration;

use apiary_identity::{Document, Envelope, EnvelopeError};
use apiary_proto::v1;
use uuid::Uuid;

use super::Client;
use crate::ClientError;

/// The time-out of calls that read or write many whole processes.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(60);

impl Client {
    /// Signs a document with the client's key.
    ///
    /// # Errors
    ///
    /// A document that is against its bounds.
    pub fn seal<D: Document>(&self, document: &D) -> Result<Envelope, EnvelopeError> {
        Envelope::seal(self.key(), document)
    }

    /// Begins the colony's archive, if it is not begun, and returns its end. From then on retention deletes only what is archived. This
    /// and the calls that follow are for the colony's own key, or a key with the right `archive`.
    pub async fn start_archive(&self) -> Result<v1::StartArchiveResponse, ClientError> {
        let request = v1::StartArchiveRequest {};
        self.call_signed("/apiary.v1.ArchiveService/StartArchive", request, self.call_timeout()).await
    }

    /// Lists finished processes that are in no object of the archive, each with everything that belongs to it.
    pub async fn list_unarchived(
        &self,
        request: v1::ListUnarchivedRequest,
    ) -> Result<v1::ListUnarchivedResponse, ClientError> {
        self.call_signed("/apiary.v1.ArchiveService/ListUnarchived", request, self.whole_timeout()).await
    }

    /// Records an object of the archive.
    pub async fn add_archive(&self, request: v1::AddArchiveRequest) -> Result<v1::AddArchiveResponse, ClientError> {
        self.call_signed("/apiary.v1.ArchiveService/AddArchive", request, self.whole_timeout()).await
    }

    /// Finds the object that a process is in. For the colony's own key, or a key with the right `read`.
    pub async fn find_archive(&self, process_id: Uuid) -> Result<v1::FindArchiveResponse, ClientError> {
        let request = v1::FindArchiveRequest { process_id: process_id.to_string() };
        self.call_signed("/apiary.v1.ArchiveService/FindArchive", request, self.call_timeout()).await
    }

    /// Lists the objects after a number, oldest first, at most `size`.
    pub async fn list_archives(&self, after: i64, size: i32) -> Result<v1::ListArchivesResponse, ClientError> {
        let request = v1::ListArchivesRequest { after, page_size: size };
        self.call_signed("/apiary.v1.ArchiveService/ListArchives", request, self.call_timeout()).await
    }

    /// Puts finished processes back, and keeps them from leaving again for `keep`; returns the number of those that were not there.
    pub async fn restore(&self, processes: Vec<v1::FinishedProcess>, keep: Duration) -> Result<i64, ClientError> {
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let request = v1::RestoreRequest { processes, keep_ms };
        let answer: v1::RestoreResponse =
            self.call_signed("/apiary.v1.ArchiveService/Restore", request, self.whole_timeout()).await?;
        Ok(answer.restored)
    }

    /// Deletes what is archived and past the broker's retention, for a turn.
    pub async fn enforce_retention(&self) -> Result<v1::EnforceRetentionResponse, ClientError> {
        let request = v1::EnforceRetentionRequest {};
        self.call_signed("/apiary.v1.ArchiveService/EnforceRetention", request, self.whole_timeout()).await
    }

    fn whole_timeout(&self) -> Duration {
        self.call_timeout().max(WHOLE_TIMEOUT)
    }
}
