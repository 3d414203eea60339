//! All services behind one port: gRPC, its health and reflection, and the HTTP door.

use std::sync::Arc;

use apiary_proto::v1::broker_service_server::BrokerServiceServer;
use apiary_proto::v1::bulk_service_server::BulkServiceServer;
use apiary_proto::v1::colony_service_server::ColonyServiceServer;
use apiary_proto::v1::executor_service_server::ExecutorServiceServer;
use apiary_proto::v1::grant_service_server::GrantServiceServer;
use apiary_proto::v1::lease_service_server::LeaseServiceServer;
use apiary_proto::v1::limit_service_server::LimitServiceServer;
use apiary_proto::v1::pause_service_server::PauseServiceServer;
use apiary_proto::v1::process_service_server::ProcessServiceServer;
use tonic::service::Routes;
use tonic::{Request, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use uuid::Uuid;

use super::http;
use super::signed::SignedCalls;
use super::status::status;
use crate::auth::{Auth, Caller};
use crate::engine::Engine;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::{Error, StartError};

/// What every service works on.
pub(crate) struct Rpc {
    pub(super) engine: Arc<Engine>,
    pub(super) auth: Arc<Auth>,
    pub(super) broker_id: Uuid,
}

impl Rpc {
    /// The edge over an engine.
    pub(crate) fn new(engine: Arc<Engine>, auth: Arc<Auth>, broker_id: Uuid) -> Self {
        Self { engine, auth, broker_id }
    }
}

/// Everything that the broker serves, and the handle by which it says how it is.
pub(crate) async fn routes(rpc: Rpc) -> Result<(Routes, HealthReporter), StartError> {
    let auth = rpc.auth.clone();
    let rpc = Arc::new(rpc);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(apiary_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| StartError::Setting { setting: "reflection", problem: error.to_string() })?;
    macro_rules! sized {
        ($server:ident) => {
            $server::from_arc(rpc.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
    }
    let grpc = Routes::new(health_service)
        .add_service(reflection)
        .add_service(sized!(BrokerServiceServer))
        .add_service(sized!(ColonyServiceServer))
        .add_service(sized!(GrantServiceServer))
        .add_service(sized!(ProcessServiceServer))
        .add_service(sized!(PauseServiceServer))
        .add_service(sized!(LimitServiceServer))
        .add_service(sized!(ExecutorServiceServer))
        .add_service(sized!(BulkServiceServer))
        .add_service(sized!(LeaseServiceServer))
        .prepare()
        .into_axum_router();
    let all = grpc.merge(http::router(rpc)).layer(SignedCalls(auth));
    Ok((Routes::from(all), health))
}

/// Whose signature is under this call.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().copied().ok_or_else(|| status(&Error::Unsigned))
}
