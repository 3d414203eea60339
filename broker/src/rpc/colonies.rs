//! `ColonyService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::colony_service_server::ColonyService;
use apiary_store::model::{Colony, ProcessState};
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode, explanations};

#[tonic::async_trait]
impl ColonyService for Rpc {
    async fn create_colony(
        &self,
        request: Request<pb::CreateColonyRequest>,
    ) -> Result<Response<pb::CreateColonyResponse>, Status> {
        let caller = caller(&request)?;
        let permit = self.auth.permit_server_owner(&caller).map_err(refused)?;
        let request = request.into_inner();
        let id = decode::colony_id(&request.colony_id).map_err(refused)?;
        let colony = self.engine.create_colony(permit, &id, &request.name).await.map_err(refused)?;
        Ok(Response::new(pb::CreateColonyResponse { colony: Some(encode::colony(&colony)) }))
    }

    async fn get_colony(
        &self,
        request: Request<pb::GetColonyRequest>,
    ) -> Result<Response<pb::GetColonyResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let (colony, counts) = self.engine.get_colony(permit).await.map_err(refused)?;
        Ok(Response::new(with_counts(&colony, counts)))
    }

    async fn get_health(
        &self,
        request: Request<pb::GetHealthRequest>,
    ) -> Result<Response<pb::GetHealthResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let health = self.engine.get_health(permit).await.map_err(refused)?;
        Ok(Response::new(explanations::health(health)))
    }

    async fn set_guard(&self, request: Request<pb::SetGuardRequest>) -> Result<Response<pb::SetGuardResponse>, Status> {
        let envelope = decode::envelope("guard", request.into_inner().guard).map_err(refused)?;
        let (permit, guard) = self.auth.permit_set_guard(&envelope).await.map_err(refused)?;
        self.engine.set_guard(permit, &guard, &envelope).await.map_err(refused)?;
        Ok(Response::new(pb::SetGuardResponse {}))
    }

    async fn get_guard(&self, request: Request<pb::GetGuardRequest>) -> Result<Response<pb::GetGuardResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let guard = self.engine.get_guard(permit).await.map_err(refused)?;
        Ok(Response::new(pb::GetGuardResponse { guard: guard.map(encode::guard) }))
    }
}

/// Encodes a colony with the number of its processes in each state.
pub(super) fn with_counts(colony: &Colony, counts: Vec<(ProcessState, i64)>) -> pb::GetColonyResponse {
    let count = |(state, count): (ProcessState, i64)| pb::StateCount { state: state.as_str().to_owned(), count };
    pb::GetColonyResponse {
        colony: Some(encode::colony(colony)),
        state_counts: counts.into_iter().map(count).collect(),
    }
}
