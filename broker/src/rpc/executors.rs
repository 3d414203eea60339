//! `ExecutorService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::executor_service_server::ExecutorService;
use tonic::{Request, Response, Status};

use super::Rpc;

#[tonic::async_trait]
impl ExecutorService for Rpc {
    async fn register_executor(
        &self,
        _request: Request<pb::RegisterExecutorRequest>,
    ) -> Result<Response<pb::RegisterExecutorResponse>, Status> {
        Err(Status::unimplemented("register_executor"))
    }

    async fn list_executors(
        &self,
        _request: Request<pb::ListExecutorsRequest>,
    ) -> Result<Response<pb::ListExecutorsResponse>, Status> {
        Err(Status::unimplemented("list_executors"))
    }

    async fn reject_executor(
        &self,
        _request: Request<pb::RejectExecutorRequest>,
    ) -> Result<Response<pb::RejectExecutorResponse>, Status> {
        Err(Status::unimplemented("reject_executor"))
    }

    async fn drain_executor(
        &self,
        _request: Request<pb::DrainExecutorRequest>,
    ) -> Result<Response<pb::DrainExecutorResponse>, Status> {
        Err(Status::unimplemented("drain_executor"))
    }

    async fn explain_executor(
        &self,
        _request: Request<pb::ExplainExecutorRequest>,
    ) -> Result<Response<pb::ExplainExecutorResponse>, Status> {
        Err(Status::unimplemented("explain_executor"))
    }

    async fn list_functions(
        &self,
        _request: Request<pb::ListFunctionsRequest>,
    ) -> Result<Response<pb::ListFunctionsResponse>, Status> {
        Err(Status::unimplemented("list_functions"))
    }
}
