//! Signing calls for the broker instance at the other end.

use std::sync::Arc;

use apiary_identity::{Envelope, Request};
use prost::Message;
use tokio::sync::Mutex;
use tonic::metadata::MetadataValue;

use crate::wire::envelope_to_proto;
use crate::{Client, ClientError};

/// Carries the signed `request.v1` document: the protobuf bytes of an `apiary.v1.Envelope`.
const REQUEST_METADATA: &str = "apiary-request-bin";

/// Which broker instance requests are signed for. Learned when first needed, and anew when a broker says
/// that it is another: after its restart, or behind a balancer.
#[derive(Default)]
pub(crate) struct Session {
    broker_id: Mutex<Option<Arc<str>>>,
}

impl Session {
    /// The broker instance. Callers that ask at the same time share one `Connect`.
    pub(crate) async fn broker_id(&self, client: &Client) -> Result<Arc<str>, ClientError> {
        let mut known = self.broker_id.lock().await;
        if let Some(broker_id) = &*known {
            return Ok(Arc::clone(broker_id));
        }
        let broker_id: Arc<str> = client.connect().await?.broker_id.into();
        *known = Some(Arc::clone(&broker_id));
        Ok(broker_id)
    }

    /// The broker instance, if it is known already.
    #[cfg(feature = "executor")]
    pub(crate) async fn known(&self) -> Option<Arc<str>> {
        self.broker_id.lock().await.clone()
    }

    /// Forgets an instance that is gone, unless another call did so already and learned of the next.
    pub(crate) async fn forget(&self, broker_id: &Arc<str>) {
        let mut known = self.broker_id.lock().await;
        if known.as_ref().is_some_and(|known| known == broker_id) {
            *known = None;
        }
    }
}

/// A message with the caller's signature over it in its metadata, good for one call.
pub(crate) fn sign<M: Message>(
    client: &Client,
    broker_id: &str,
    method: &'static str,
    message: M,
) -> Result<tonic::Request<M>, ClientError> {
    // prost writes the same bytes again when the message is sent: fields in order, maps sorted.
    let bytes = message.encode_to_vec();
    let document = Request::new(method, client.colony(), broker_id, client.clock().now(), &bytes);
    let envelope = Envelope::seal(client.key(), &document)?;
    let metadata = MetadataValue::from_bytes(&envelope_to_proto(&envelope).encode_to_vec());
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert_bin(REQUEST_METADATA, metadata);
    Ok(request)
}
