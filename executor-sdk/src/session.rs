//! Signatures of calls, for the connected broker instance.

use std::sync::Arc;

use apiary_identity::{Envelope, Request};
use bytes::Bytes;
use prost::Message as _;
use tokio::sync::Mutex;
use tonic::metadata::MetadataValue;

use crate::wire::envelope_to_proto;
use crate::{Client, ClientError};

/// Metadata key of the signed `request.v1` document: the protobuf bytes of an `apiary.v1.Envelope`.
const REQUEST_METADATA: &str = "apiary-request-bin";

/// The broker instance for which requests are signed. Read when first needed, and again when a broker reports another
/// id: after its restart, or behind a load balancer.
#[derive(Default)]
pub(crate) struct BrokerSession {
    broker_id: Mutex<Option<Arc<str>>>,
}

impl BrokerSession {
    /// Returns the broker instance. Concurrent callers share a single `Connect`.
    pub(crate) async fn broker_id(&self, client: &Client) -> Result<Arc<str>, ClientError> {
        let mut known = self.broker_id.lock().await;
        if let Some(broker_id) = &*known {
            return Ok(Arc::clone(broker_id));
        }
        // The lock is held over the call, so that a hundred waiting calls after a restart send one `Connect` and not a
        // hundred.
        let broker_id: Arc<str> = client.connect().await?.broker_id.into();
        *known = Some(Arc::clone(&broker_id));
        Ok(broker_id)
    }

    /// Returns the broker instance, if it is known already.
    #[cfg(feature = "executor")]
    pub(crate) async fn known(&self) -> Option<Arc<str>> {
        self.broker_id.lock().await.clone()
    }

    /// Forgets an instance that is gone, unless another call has already replaced it by the new one.
    pub(crate) async fn forget(&self, broker_id: &Arc<str>) {
        let mut known = self.broker_id.lock().await;
        if known.as_ref().is_some_and(|known| known == broker_id) {
            *known = None;
        }
    }
}

/// Signs the bytes of a message for a single call; the signature is in the request's metadata.
pub(crate) fn sign(
    client: &Client,
    broker_id: &str,
    method: &'static str,
    message: Bytes,
) -> Result<tonic::Request<Bytes>, ClientError> {
    let document = Request::new(method, client.colony(), broker_id, client.clock().now(), &message);
    let envelope = Envelope::seal(client.key(), &document)?;
    let metadata = MetadataValue::from_bytes(&envelope_to_proto(&envelope).encode_to_vec());
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert_bin(REQUEST_METADATA, metadata);
    Ok(request)
}
