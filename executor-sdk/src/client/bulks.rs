//! Bulk actions.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Starts one verb on all processes that match, or counts them with `dry_run`. Needs the right of the verb.
    pub async fn start_bulk(&self, request: v1::StartBulkRequest) -> Result<v1::Bulk, ClientError> {
        let answer: v1::StartBulkResponse =
            self.call_signed("/apiary.v1.BulkService/StartBulk", request, self.call_timeout()).await?;
        bulk(answer.bulk)
    }

    /// Reads the progress of a bulk action.
    pub async fn get_bulk(&self, bulk_id: &str) -> Result<v1::Bulk, ClientError> {
        let request = v1::GetBulkRequest { bulk_id: bulk_id.to_owned() };
        let answer: v1::GetBulkResponse =
            self.call_signed("/apiary.v1.BulkService/GetBulk", request, self.call_timeout()).await?;
        bulk(answer.bulk)
    }

    /// Lists the last bulk actions, newest first.
    pub async fn list_bulks(&self) -> Result<v1::ListBulksResponse, ClientError> {
        self.call_signed("/apiary.v1.BulkService/ListBulks", v1::ListBulksRequest {}, self.call_timeout()).await
    }

    /// Stops a bulk action, or resumes a stopped one if `go_on`.
    pub async fn stop_bulk(&self, bulk_id: &str, go_on: bool) -> Result<v1::Bulk, ClientError> {
        let request = v1::StopBulkRequest { bulk_id: bulk_id.to_owned(), go_on };
        let answer: v1::StopBulkResponse =
            self.call_signed("/apiary.v1.BulkService/StopBulk", request, self.call_timeout()).await?;
        bulk(answer.bulk)
    }
}

fn bulk(bulk: Option<v1::Bulk>) -> Result<v1::Bulk, ClientError> {
    bulk.ok_or_else(|| ClientError::Answer("it names no bulk action".to_owned()))
}
