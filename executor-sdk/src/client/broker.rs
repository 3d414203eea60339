//! Calls without a signature: the broker's identity and readiness.

use apiary_proto::health::health_check_response::ServingStatus;
use apiary_proto::health::{HealthCheckRequest, HealthCheckResponse};
use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Reads the broker instance's id and bounds. Needs no right, so that it also tests whether the broker is
    /// reachable.
    pub async fn connect(&self) -> Result<v1::ConnectResponse, ClientError> {
        self.call("/apiary.v1.BrokerService/Connect", v1::ConnectRequest {}, self.call_timeout()).await
    }

    /// Returns `true` if the broker is ready: its database accepts writes, and its tasks run. Needs no right. The
    /// reasons of a `false` are in the health of a colony, and in `/readyz` of the broker.
    pub async fn is_ready(&self) -> Result<bool, ClientError> {
        let request = HealthCheckRequest::default();
        let answer: HealthCheckResponse =
            self.call("/grpc.health.v1.Health/Check", request, self.call_timeout()).await?;
        Ok(answer.status() == ServingStatus::Serving)
    }
}
