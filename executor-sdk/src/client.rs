//! A client of a single broker, with one key, for one colony.

mod archives;
pub(crate) mod batcher;
mod broker;
mod bulks;
mod claim_answer;
mod colonies;
#[cfg(feature = "executor")]
mod endings;
mod events;
mod executors;
mod grants;
mod leases;
mod limits;
mod operations;
mod pauses;
mod processes;
mod submits;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::{Clock, Id, KeyPair};
use apiary_protocol::Reason;
use apiary_protocol::details::Details;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::{Response, Status};

use crate::connection::{self, Connection, Diagnosis};
#[cfg(feature = "executor")]
use crate::lease::{Ending, ReportAnswer};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::session::{BrokerSession, sign};
use crate::wire::BytesCodec;
use crate::{Address, ClientConfig, ClientError};

use batcher::Batcher;
pub(crate) use leases::millis;
#[cfg(feature = "executor")]
pub(crate) use leases::one_for_each;
pub use processes::{Sighting, SubmitResult, Watch};

/// A client of a single broker, with one key, for one colony. Clones share a connection, which is opened at the first
/// call and reopened whenever it breaks. Calls are never repeated silently, with two exceptions: a call signed for a
/// broker instance that is gone is signed again for the new instance, and documents that went together go one by one if
/// the broker refuses the whole call for good.
#[derive(Clone)]
pub struct Client {
    shared: Arc<ClientState>,
}

struct ClientState {
    connection: Connection,
    diagnosis: Diagnosis,
    session: BrokerSession,
    address: Address,
    colony: Id,
    key: KeyPair,
    clock: Arc<dyn Clock>,
    call_timeout: Duration,
    /// Printed specs that are submitted.
    submits: Batcher<Bytes, SubmitResult>,
    /// Results of attempts that are reported.
    #[cfg(feature = "executor")]
    endings: Batcher<Ending, ReportAnswer>,
}

/// The refusal of one document of a batch, as in the answer.
struct BatchRefusal {
    reason: String,
    message: String,
    retryable: bool,
    retry_after_ms: i64,
}

/// The place of a call's signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallSignature {
    /// Nowhere, or on a document inside the message.
    None,
    /// In the call's metadata, over the message.
    OfRequest,
}

impl Client {
    /// Creates a client. Nothing is sent before the first call. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ClientError::Invalid`] if plain text would leave this machine, or for certificates that cannot be read.
    pub fn new(config: &ClientConfig, colony: Id, key: KeyPair, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let (connection, diagnosis) = connection::open(config, &clock)?;
        let (address, call_timeout) = (config.address.clone(), config.call_timeout);
        Ok(Self {
            shared: Arc::new(ClientState {
                connection,
                diagnosis,
                session: BrokerSession::default(),
                address,
                colony,
                key,
                clock,
                call_timeout,
                submits: Batcher::default(),
                #[cfg(feature = "executor")]
                endings: Batcher::default(),
            }),
        })
    }

    /// Returns the colony.
    pub fn colony(&self) -> Id {
        self.shared.colony
    }

    /// Returns the identity of the client's key.
    pub fn id(&self) -> Id {
        self.shared.key.id()
    }

    /// Returns the broker's address.
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Returns the client's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(crate) fn key(&self) -> &KeyPair {
        &self.shared.key
    }

    /// Returns the broker instance for which calls are currently signed, if one is known.
    #[cfg(feature = "executor")]
    pub(crate) async fn known_broker(&self) -> Option<std::sync::Arc<str>> {
        self.shared.session.known().await
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.shared.call_timeout
    }

    /// Makes a call that needs no signature, or carries a signed document.
    async fn call<M, R>(&self, method: &'static str, message: M, timeout: Duration) -> Result<R, ClientError>
    where
        M: Message,
        R: Message + Default,
    {
        self.call_as(method, &message, CallSignature::None, timeout, decode).await
    }

    /// Makes a signed call. The time-out covers everything, including the `Connect` that learns the broker instance.
    async fn call_signed<M, R>(&self, method: &'static str, message: M, timeout: Duration) -> Result<R, ClientError>
    where
        M: Message,
        R: Message + Default,
    {
        self.call_as(method, &message, CallSignature::OfRequest, timeout, decode).await
    }

    async fn call_as<R>(
        &self,
        method: &'static str,
        message: &impl Message,
        signature: CallSignature,
        timeout: Duration,
        decode: fn(Bytes) -> Result<R, Status>,
    ) -> Result<R, ClientError> {
        let answer = self.exchange(method, message.encode_to_vec().into(), signature, timeout).await?;
        decode(answer).map_err(|status| self.error(method, timeout, &status))
    }

    /// Sends the bytes of a message, and returns those of the answer.
    ///
    /// Every call passes here, as a boxed future of bytes, so that the layers of HTTP below are compiled once: not for each
    /// pair of messages, and not again in each crate that makes a call.
    fn exchange(
        &self,
        method: &'static str,
        message: Bytes,
        signature: CallSignature,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Bytes, ClientError>> {
        let send = move |request| self.send(method, request, timeout);
        let work = async move {
            match signature {
                CallSignature::None => send(tonic::Request::new(message)).await,
                CallSignature::OfRequest => self.signed(method, message, send).await,
            }
        };
        Box::pin(within(timeout, method, work))
    }

    /// Makes a call with a message that is signed for the broker instance.
    async fn signed<T, F>(
        &self,
        method: &'static str,
        message: Bytes,
        call: impl Fn(tonic::Request<Bytes>) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let broker_id = self.shared.session.broker_id(self).await?;
        match call(sign(self, &broker_id, method, message.clone())?).await {
            Err(error) if error.is(&Reason::BrokerUnknown) => {}
            answer => return answer,
        }
        // Another instance answered, after a restart or behind a load balancer, and refused the call before it
        // acted on it. So it is safe to sign and send it again, once.
        self.shared.session.forget(&broker_id).await;
        let broker_id = self.shared.session.broker_id(self).await?;
        call(sign(self, &broker_id, method, message)?).await
    }

    async fn send(
        &self,
        method: &'static str,
        mut request: tonic::Request<Bytes>,
        timeout: Duration,
    ) -> Result<Bytes, ClientError> {
        // The server's deadline is a little later than the client's, so that the client's error is always the one
        // reported.
        request.set_timeout(timeout.saturating_add(Duration::from_secs(1)));
        let answer = async {
            let mut grpc = self.grpc();
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.unary(request, PathAndQuery::from_static(method), BytesCodec).await
        };
        answer.await.map(Response::into_inner).map_err(|status| self.error(method, timeout, &status))
    }

    fn grpc(&self) -> Grpc<Connection> {
        Grpc::new(self.shared.connection.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Translates the refusal of one document of a batch.
    fn refused(&self, method: &'static str, refusal: BatchRefusal) -> ClientError {
        let BatchRefusal { reason, message, retryable, retry_after_ms } = refusal;
        if reason.is_empty() {
            return ClientError::Answer("it neither accepts nor refuses a document of a batch".to_owned());
        }
        let retry_after = u64::try_from(retry_after_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
        let details = Details { reason, retryable, retry_after, violation: None };
        ClientError::refused(method, self.call_timeout(), &details, &message, None)
    }

    fn error(&self, method: &'static str, timeout: Duration, status: &Status) -> ClientError {
        match ClientError::from_status(&self.shared.address.to_string(), method, timeout, status) {
            ClientError::Unreachable { address, problem } => {
                ClientError::Unreachable { address, problem: self.shared.diagnosis.words().unwrap_or(problem) }
            }
            other => other,
        }
    }
}

fn decode<R: Message + Default>(answer: Bytes) -> Result<R, Status> {
    R::decode(answer).map_err(|error| Status::internal(error.to_string()))
}

/// Returns the result of a call, or the error that it took too long.
async fn within<T>(
    after: Duration,
    method: &'static str,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(after, call).await.map_err(|_| ClientError::Timeout { method, after })?
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} as {} for {})", self.address(), self.id(), self.colony())
    }
}
