//! All services behind one port: gRPC, its health and reflection, and the HTTP door.

use std::sync::Arc;

use apiary_daemon::Metrics;
use apiary_daemon::door::{Bodies, Calls, Peer};
use apiary_proto::health::health_server::HealthServer;
use apiary_proto::v1::archive_service_server::ArchiveServiceServer;
use apiary_proto::v1::broker_service_server::BrokerServiceServer;
use apiary_proto::v1::bulk_service_server::BulkServiceServer;
use apiary_proto::v1::colony_service_server::ColonyServiceServer;
use apiary_proto::v1::event_service_server::EventServiceServer;
use apiary_proto::v1::executor_service_server::ExecutorServiceServer;
use apiary_proto::v1::grant_service_server::GrantServiceServer;
use apiary_proto::v1::lease_service_server::LeaseServiceServer;
use apiary_proto::v1::limit_service_server::LimitServiceServer;
use apiary_proto::v1::pause_service_server::PauseServiceServer;
use apiary_proto::v1::process_service_server::ProcessServiceServer;
use axum::Router;
use tonic::service::Routes;
use tonic::{Request, Status};
use uuid::Uuid;

use super::answers::Answers;
use super::http;
use super::methods::methods;
use super::signed::SignedCalls;
use super::status::status;
use crate::auth::{Auth, Caller};
use crate::engine::Engine;
use crate::limits::{CALL_TIME_MAX, MESSAGE_BYTES_MAX};
use crate::metrics::calls;
use crate::{Error, StartError};

/// The state that all services share.
pub(crate) struct Rpc {
    pub(super) engine: Arc<Engine>,
    pub(super) auth: Arc<Auth>,
    pub(super) broker_id: Uuid,
    pub(super) metrics: Metrics,
}

impl Rpc {
    /// Returns the edge over an engine.
    pub(crate) fn new(engine: Arc<Engine>, auth: Arc<Auth>, broker_id: Uuid, metrics: Metrics) -> Self {
        Self { engine, auth, broker_id, metrics }
    }
}

/// Returns the routes of all services.
pub(crate) fn routes(rpc: Rpc, bodies: Bodies) -> Result<Router, StartError> {
    let (auth, metrics) = (rpc.auth.clone(), rpc.metrics.clone());
    let rpc = Arc::new(rpc);
    let failed = |error: tonic_reflection::server::Error| StartError::Setting {
        setting: "reflection",
        problem: error.to_string(),
    };
    // Older and newer clients ask for it under different names.
    let mut routes = Routes::new(reflection().build_v1().map_err(failed)?)
        .add_service(reflection().build_v1alpha().map_err(failed)?)
        .add_service(HealthServer::from_arc(rpc.clone()));
    macro_rules! serve {
        ($($server:ident),*) => {
            $(routes = routes.add_service(
                $server::from_arc(rpc.clone())
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX),
            );)*
        };
    }
    serve!(
        ArchiveServiceServer,
        BrokerServiceServer,
        BulkServiceServer,
        ColonyServiceServer,
        EventServiceServer,
        ExecutorServiceServer,
        GrantServiceServer,
        LeaseServiceServer,
        LimitServiceServer,
        PauseServiceServer,
        ProcessServiceServer
    );
    let grpc = routes.prepare().into_axum_router();
    let all = grpc.merge(http::router(rpc)).fallback(http::unknown);
    let answered = all.layer(SignedCalls::new(auth, bodies)).layer(Answers { time_max: CALL_TIME_MAX });
    Ok(answered.layer(Calls::new(methods()).counted(calls(metrics.series()))))
}

fn reflection<'a>() -> tonic_reflection::server::Builder<'a> {
    tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(apiary_proto::DESCRIPTORS)
}

/// Returns the client's address.
pub(super) fn peer<T>(request: &Request<T>) -> Peer {
    request.extensions().get().copied().unwrap_or(Peer::Local)
}

/// Returns the caller whose signature is under this call.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().copied().ok_or_else(|| status(&Error::Unsigned))
}
