//! `BrokerService`.

use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_proto::v1 as pb;
use apiary_proto::v1::broker_service_server::BrokerService;
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::limits::{CLAIM_WAIT_MS_MAX, MESSAGE_BYTES_MAX, REQUEST_WINDOW_MS};

#[tonic::async_trait]
impl BrokerService for Rpc {
    async fn connect(&self, _: Request<pb::ConnectRequest>) -> Result<Response<pb::ConnectResponse>, Status> {
        Ok(Response::new(pb::ConnectResponse {
            broker_id: self.broker_id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time_ms: self.engine.clock().now_ms(),
            request_window_ms: REQUEST_WINDOW_MS,
            message_bytes_max: MESSAGE_BYTES_MAX as i64,
            document_bytes_max: DOCUMENT_BYTES_MAX as i64,
            claim_wait_ms_max: CLAIM_WAIT_MS_MAX,
        }))
    }
}
