//! Events.

use std::time::Duration;

use apiary_proto::v1;

use super::Client;
use crate::ClientError;

impl Client {
    /// Lists events of the colony: who changed what, and who was refused. Waits for one as long as the request says. For the colony's
    /// own key, or a key with the right `read_events`.
    ///
    /// To follow the stream, ask again with `after` as the answer's `next`: nothing is left out, and nothing comes twice.
    pub async fn list_events(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, ClientError> {
        let wait = Duration::from_millis(u64::try_from(request.wait_ms).unwrap_or(0));
        let timeout = self.call_timeout().saturating_add(wait);
        self.call_signed("/apiary.v1.EventService/ListEvents", request, timeout).await
    }
}
