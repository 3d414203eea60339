//! `PauseService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::pause_service_server::PauseService;
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode};

#[tonic::async_trait]
impl PauseService for Rpc {
    async fn pause(&self, request: Request<pb::PauseRequest>) -> Result<Response<pb::PauseResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let what = decode::paused(&request.kind, request.name).map_err(refused)?;
        let (pause, existed) = self.engine.pause(permit, what, request.reason).await.map_err(refused)?;
        Ok(Response::new(pb::PauseResponse { pause: Some(encode::pause(pause)), existed }))
    }

    async fn resume(&self, request: Request<pb::ResumeRequest>) -> Result<Response<pb::ResumeResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let what = decode::paused(&request.kind, request.name).map_err(refused)?;
        let existed = self.engine.resume(permit, &what).await.map_err(refused)?;
        Ok(Response::new(pb::ResumeResponse { existed }))
    }

    async fn list_pauses(
        &self,
        request: Request<pb::ListPausesRequest>,
    ) -> Result<Response<pb::ListPausesResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let pauses = self.engine.list_pauses(permit).await.map_err(refused)?;
        Ok(Response::new(pb::ListPausesResponse { pauses: pauses.into_iter().map(encode::pause).collect() }))
    }
}
