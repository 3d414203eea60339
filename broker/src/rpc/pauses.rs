//! `PauseService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::pause_service_server::PauseService;
use tonic::{Request, Response, Status};

use super::Rpc;

#[tonic::async_trait]
impl PauseService for Rpc {
    async fn pause(&self, _request: Request<pb::PauseRequest>) -> Result<Response<pb::PauseResponse>, Status> {
        Err(Status::unimplemented("pause"))
    }

    async fn resume(&self, _request: Request<pb::ResumeRequest>) -> Result<Response<pb::ResumeResponse>, Status> {
        Err(Status::unimplemented("resume"))
    }

    async fn list_pauses(
        &self,
        _request: Request<pb::ListPausesRequest>,
    ) -> Result<Response<pb::ListPausesResponse>, Status> {
        Err(Status::unimplemented("list_pauses"))
    }
}
