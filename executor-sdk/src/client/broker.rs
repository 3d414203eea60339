//! What a client asks before it signs anything.

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Asks the broker who it is, and what it accepts. Needs no right, so it also tells whether anybody is there.
    pub async fn connect(&self) -> Result<v1::ConnectResponse, ClientError> {
        self.call("/apiary.v1.BrokerService/Connect", v1::ConnectRequest {}, self.call_timeout()).await
    }
}
