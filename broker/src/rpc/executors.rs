//! `ExecutorService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::executor_service_server::ExecutorService;
use tonic::{Request, Response, Status};

use super::routes::{caller, peer};
use super::status::refused;
use super::{Rpc, decode, encode, explanations};

#[tonic::async_trait]
impl ExecutorService for Rpc {
    async fn register_executor(
        &self,
        request: Request<pb::RegisterExecutorRequest>,
    ) -> Result<Response<pb::RegisterExecutorResponse>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let introduction = decode::introduction(request.into_inner()).map_err(refused)?;
        let permit = self.auth.permit_register(&caller, &introduction.executor_type).await.map_err(refused)?;
        let registered = self.engine.register_executor(permit, introduction, peer).await;
        let executor = self.auth.by_caller(&caller, registered).map_err(refused)?;
        Ok(Response::new(pb::RegisterExecutorResponse { executor: Some(encode::executor(executor)) }))
    }

    async fn list_executors(
        &self,
        request: Request<pb::ListExecutorsRequest>,
    ) -> Result<Response<pb::ListExecutorsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let (query, page) = decode::executor_query(request.into_inner()).map_err(refused)?;
        let executors = self.engine.list_executors(permit, &query, page).await.map_err(refused)?;
        Ok(Response::new(encode::executor_page(executors)))
    }

    async fn reject_executor(
        &self,
        request: Request<pb::RejectExecutorRequest>,
    ) -> Result<Response<pb::RejectExecutorResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let key = decode::key_id(&request.into_inner().key_id).map_err(refused)?;
        let existed = self.engine.reject_executor(permit, &key).await.map_err(refused)?;
        Ok(Response::new(pb::RejectExecutorResponse { existed }))
    }

    async fn drain_executor(
        &self,
        request: Request<pb::DrainExecutorRequest>,
    ) -> Result<Response<pb::DrainExecutorResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let name = decode::needed_name("name", request.name).map_err(refused)?;
        let executors = self.engine.drain_executor(permit, &name, request.drain).await.map_err(refused)?;
        Ok(Response::new(pb::DrainExecutorResponse {
            executors: executors.into_iter().map(encode::executor).collect(),
        }))
    }

    async fn explain_executor(
        &self,
        request: Request<pb::ExplainExecutorRequest>,
    ) -> Result<Response<pb::ExplainExecutorResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let name = decode::needed_name("name", request.into_inner().name).map_err(refused)?;
        let explanation = self.engine.explain_executor(permit, &name).await.map_err(refused)?;
        Ok(Response::new(explanations::executor_explanation(explanation)))
    }

    async fn list_functions(
        &self,
        request: Request<pb::ListFunctionsRequest>,
    ) -> Result<Response<pb::ListFunctionsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let (executor_type, window_ms) = decode::function_query(request.into_inner()).map_err(refused)?;
        let functions =
            self.engine.list_functions(permit, executor_type.as_deref(), window_ms).await.map_err(refused)?;
        Ok(Response::new(pb::ListFunctionsResponse {
            functions: functions.into_iter().map(encode::function).collect(),
        }))
    }
}
