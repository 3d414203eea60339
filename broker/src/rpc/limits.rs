//! `LimitService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::limit_service_server::LimitService;
use tonic::{Request, Response, Status};

use super::Rpc;

#[tonic::async_trait]
impl LimitService for Rpc {
    async fn set_limit(
        &self,
        _request: Request<pb::SetLimitRequest>,
    ) -> Result<Response<pb::SetLimitResponse>, Status> {
        Err(Status::unimplemented("set_limit"))
    }

    async fn remove_limit(
        &self,
        _request: Request<pb::RemoveLimitRequest>,
    ) -> Result<Response<pb::RemoveLimitResponse>, Status> {
        Err(Status::unimplemented("remove_limit"))
    }

    async fn list_limits(
        &self,
        _request: Request<pb::ListLimitsRequest>,
    ) -> Result<Response<pb::ListLimitsResponse>, Status> {
        Err(Status::unimplemented("list_limits"))
    }
}
