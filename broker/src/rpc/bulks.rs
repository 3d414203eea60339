//! `BulkService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::bulk_service_server::BulkService;
use tonic::{Request, Response, Status};

use super::Rpc;

#[tonic::async_trait]
impl BulkService for Rpc {
    async fn start_bulk(
        &self,
        _request: Request<pb::StartBulkRequest>,
    ) -> Result<Response<pb::StartBulkResponse>, Status> {
        Err(Status::unimplemented("start_bulk"))
    }

    async fn get_bulk(&self, _request: Request<pb::GetBulkRequest>) -> Result<Response<pb::GetBulkResponse>, Status> {
        Err(Status::unimplemented("get_bulk"))
    }

    async fn list_bulks(
        &self,
        _request: Request<pb::ListBulksRequest>,
    ) -> Result<Response<pb::ListBulksResponse>, Status> {
        Err(Status::unimplemented("list_bulks"))
    }

    async fn stop_bulk(
        &self,
        _request: Request<pb::StopBulkRequest>,
    ) -> Result<Response<pb::StopBulkResponse>, Status> {
        Err(Status::unimplemented("stop_bulk"))
    }
}
