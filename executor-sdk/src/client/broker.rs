//! What a client asks before it signs anything.

use apiary_proto::health::health_check_response::ServingStatus;
use apiary_proto::health::{HealthCheckRequest, HealthCheckResponse};
use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Asks the broker who it is, and what it accepts. Needs no right, so it also tells whether anybody is there.
    pub async fn connect(&self) -> Result<v1::ConnectResponse, ClientError> {
        self.call("/apiary.v1.BrokerService/Connect", v1::ConnectRequest {}, self.call_timeout()).await
    }

    /// Asks the broker whether it can do its work: its database takes writes, and its tasks run. Needs no right; the reasons
    /// against are in the health of a colony, and in `/readyz` of the broker.
    pub async fn is_ready(&self) -> Result<bool, ClientError> {
        let request = HealthCheckRequest::default();
        let answer: HealthCheckResponse =
            self.call("/grpc.health.v1.Health/Check", request, self.call_timeout()).await?;
        Ok(answer.status() == ServingStatus::Serving)
    }
}
