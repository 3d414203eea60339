//! gRPC's own health protocol: the broker's readiness, under the name of each service.

use apiary_proto::health::health_check_response::ServingStatus;
use apiary_proto::health::health_server::{Health, SERVICE_NAME};
use apiary_proto::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use apiary_proto::v1 as pb;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use super::Rpc;
use super::status::refused;
use crate::Error;
use crate::engine::Engine;
use crate::limits::HEALTH_INTERVAL;

/// The services that have a state, all the same one: the broker is ready, or it is not. The empty name is the whole broker's.
const SERVICES: [&str; 11] = [
    "",
    SERVICE_NAME,
    pb::broker_service_server::SERVICE_NAME,
    pb::bulk_service_server::SERVICE_NAME,
    pb::colony_service_server::SERVICE_NAME,
    pb::executor_service_server::SERVICE_NAME,
    pb::grant_service_server::SERVICE_NAME,
    pb::lease_service_server::SERVICE_NAME,
    pb::limit_service_server::SERVICE_NAME,
    pb::pause_service_server::SERVICE_NAME,
    pb::process_service_server::SERVICE_NAME,
];

#[tonic::async_trait]
impl Health for Rpc {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !SERVICES.contains(&service.as_str()) {
            return Err(refused(Error::NotFound("no such service here: `List` names all".to_owned())));
        }
        Ok(Response::new(answer(status(self.engine.unready_to_write().await.as_deref()))))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        let state = status(self.engine.unready_to_write().await.as_deref());
        let statuses = SERVICES.iter().map(|service| ((*service).to_owned(), answer(state))).collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if !SERVICES.contains(&request.into_inner().service.as_str()) {
            let unknown = stream::once(async { Ok(answer(ServingStatus::ServiceUnknown)) });
            // The protocol wants the call to stay open: a service may come later. None does here while the broker runs.
            let engine = self.engine.clone();
            let end = stream::once(async move { engine.stopping().await }).filter_map(async |()| None);
            return Ok(Response::new(unknown.chain(end).boxed()));
        }
        let changes = stream::unfold((self.engine.clone(), None), |(engine, told)| async move {
            let now = change(&engine, told).await?;
            Some((Ok(answer(now)), (engine, Some(now))))
        });
        Ok(Response::new(changes.boxed()))
    }
}

/// Waits for a state other than the last one sent. Ends after the broker's stop was sent.
async fn change(engine: &Engine, told: Option<ServingStatus>) -> Option<ServingStatus> {
    loop {
        // Without a write: an idle broker must not write for as long as a client watches.
        let now = status(engine.unready().await.as_deref());
        if told != Some(now) {
            return Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
            () = engine.stopping() => return (now == ServingStatus::Serving).then_some(ServingStatus::NotServing),
        }
    }
}

fn status(unready: Option<&str>) -> ServingStatus {
    if unready.is_none() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
