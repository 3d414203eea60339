//! Reads every call's message, within bounds, and checks the signature under it before anything else sees it. A signature is over
//! the message's bytes as they came, so this must happen below the decoder: re-encoding another language's message may give
//! other bytes. Everything about the signature that can be checked without the message is checked before the message is read.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use apiary_daemon::door::{
    Bodies, BodyBounds, BodyError, BodyHold, Connection, HeldBody, Peer, RequestRoom, Share, call_span,
};
use apiary_identity::Envelope;
use apiary_proto::v1 as pb;
use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::bounds::{CallRule, Signature, rule};
use super::decode;
use super::frame::{self, FRAME_BYTES, framed_length};
use super::http::refusal;
use super::status::status;
use crate::Error;
use crate::auth::Auth;
use crate::limits::{HTTP_BODY_BYTES_MAX, MESSAGE_STALL_MAX, MESSAGE_TIME_MAX, UNSIGNED_STREAMS_MAX};

/// The metadata that carries the signed request.
const METADATA: &str = "apiary-request-bin";
/// Bytes of an HTTP body beyond its bound that are read and thrown away: a client that still sends when the connection closes
/// gets a reset, and no answer.
const DISCARD_BYTES_MAX: usize = HTTP_BODY_BYTES_MAX;

/// A layer that checks the signature of every call.
#[derive(Clone)]
pub(super) struct SignedCalls(Arc<CallCheck>);

/// State that all calls share.
struct CallCheck {
    auth: Arc<Auth>,
    bodies: Bodies,
    /// Endless streams of clients that sign nothing.
    streams: Arc<Semaphore>,
}

impl SignedCalls {
    /// Returns a layer that checks by `auth`, and reads messages within the bounds of `bodies`.
    pub(super) fn new(auth: Arc<Auth>, bodies: Bodies) -> Self {
        Self(Arc::new(CallCheck { auth, bodies, streams: Arc::new(Semaphore::new(UNSIGNED_STREAMS_MAX)) }))
    }
}

impl<S> Layer<S> for SignedCalls {
    type Service = SignedService<S>;

    fn layer(&self, inner: S) -> SignedService<S> {
        SignedService { check: self.0.clone(), inner }
    }
}

/// A service behind the check.
#[derive(Clone)]
pub(super) struct SignedService<S> {
    check: Arc<CallCheck>,
    inner: S,
}

impl<S> Service<http::Request<Body>> for SignedService<S>
where
    S: Service<http::Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // The clone that is ready must make the call: readiness does not carry over to a new clone.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let check = self.check.clone();
        Box::pin(async move {
            let rule = rule(request.uri().path());
            let connection = request.extensions().get::<Arc<Connection>>().cloned();
            // Before the message is read: a call without a place must not take memory for its message.
            let long = match check.begin_long(rule, connection.as_ref()) {
                Ok(long) => long,
                Err(error) => return Ok(refused(rule, &check.auth.unread(None, error))),
            };
            let (request, hold) = match check.receive(rule, connection.as_ref(), request).await {
                Ok(received) => received,
                Err(error) => return Ok(refused(rule, &error)),
            };
            let answer = inner.call(request).instrument(call_span()).await?;
            // The message has been consumed: its bytes no longer count against the bounds.
            drop(hold);
            if let Some(connection) = connection.filter(|_| rule.signature.is_proved_by(&answer)) {
                connection.vouch();
            }
            if long.is_none() {
                return Ok(answer);
            }
            // A stream of answers holds its place until its end.
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _long = &long;
                    frame
                }))
            }))
        })
    }
}

/// The places of a call without an end in sight.
type LongCall = Box<dyn std::any::Any + Send>;

impl CallCheck {
    fn begin_long(&self, rule: CallRule, connection: Option<&Arc<Connection>>) -> Result<Option<LongCall>, Error> {
        if !rule.is_long {
            return Ok(None);
        }
        // Only unsigned streams are counted here; signed ones have their own bounds per key.
        let stream = match rule.signature {
            Signature::None | Signature::Stream => {
                let full =
                    |_| Error::Overloaded(format!("{UNSIGNED_STREAMS_MAX} streams without a signature are open"));
                Some(self.streams.clone().try_acquire_owned().map_err(full)?)
            }
            _ => None,
        };
        let Some(connection) = connection else { return Ok(Some(Box::new(stream))) };
        let call = connection.begin_long_call().ok_or_else(|| {
            Error::Overloaded(
                "as many calls wait on this connection as leave streams for short ones: open another connection".into(),
            )
        })?;
        // Such a stream proves nothing about its client, so its connection gives way to others under load.
        let suspect = stream.as_ref().map(|_| connection.suspect());
        Ok(Some(Box::new((stream, suspect, call))))
    }

    /// Checks everything possible, then reads the message, then checks the rest.
    async fn receive(
        &self,
        rule: CallRule,
        connection: Option<&Arc<Connection>>,
        request: http::Request<Body>,
    ) -> Result<(http::Request<Body>, Option<BodyHold>), Error> {
        let (mut parts, body) = request.into_parts();
        // Its messages come one by one, for as long as the client likes: only the whole is bounded.
        if rule.signature == Signature::Stream {
            let body = Body::new(Limited::new(body, rule.bytes_max));
            return Ok((http::Request::from_parts(parts, body), None));
        }
        let signed = match rule.signature {
            Signature::Metadata => {
                let envelope = envelope(&parts.headers).map_err(|error| self.auth.unread(None, error))?;
                Some(self.auth.request(&envelope, parts.uri.path())?)
            }
            _ => None,
        };
        // A known client's message counts in its own share from now on, so strangers who fill theirs do not block it.
        if let (Some(signed), Some(connection)) = (&signed, connection.filter(|connection| !connection.is_known()))
            && self.auth.knows(signed).instrument(call_span()).await
        {
            connection.vouch();
            if let Some(room) = parts.extensions.get::<Arc<RequestRoom>>() {
                room.give_back();
            }
        }
        let share = match connection.filter(|connection| connection.is_known()) {
            Some(connection) => Share::Known(connection.id()),
            None => Share::Stranger(parts.extensions.get().copied().unwrap_or(Peer::Local)),
        };
        // While its message arrives, a slow client's connection gives way to others under load.
        let arriving = connection.map(Connection::suspect);
        let held = self.bodies.read(share, body, bounds(rule)).await;
        let held = held.map_err(|error| self.auth.unread(signed.as_ref(), error_of(rule, error)))?;
        drop(arriving);
        let HeldBody { blocks, hold } = held;
        if rule.signature != Signature::Http {
            let checked = frame::check(blocks.pieces(), rule.documents);
            checked.map_err(|error| self.auth.unread(signed.as_ref(), error))?;
        }
        let body = match signed {
            Some(signed) => {
                let bytes = blocks.join();
                parts.extensions.insert(self.auth.caller(&signed, &frame::message(&bytes)?)?);
                Body::new(Full::new(bytes))
            }
            None => Body::new(blocks),
        };
        Ok((http::Request::from_parts(parts, body), Some(hold)))
    }
}

impl Signature {
    /// True if this answer proves that a known key signed: a rejection has its status in the head.
    fn is_proved_by(self, answer: &Response) -> bool {
        match self {
            // gRPC puts the status into the head only if there is no message, which means an error.
            Self::Document { alone } => alone && !answer.headers().contains_key(Status::GRPC_STATUS),
            Self::Http => matches!(answer.status(), http::StatusCode::CREATED),
            Self::Metadata | Self::None | Self::Stream => false,
        }
    }
}

fn bounds(rule: CallRule) -> BodyBounds {
    /// Reads, from its first bytes, the length of a body.
    type Length = fn(&[u8]) -> Option<usize>;
    let (frame_bytes, discard_bytes_max, length): (usize, usize, Length) = match rule.signature {
        Signature::Http => (0, DISCARD_BYTES_MAX, |_| None),
        _ => (FRAME_BYTES, 0, framed_length),
    };
    BodyBounds {
        bytes_max: rule.bytes_max + frame_bytes,
        discard_bytes_max,
        stall_max: MESSAGE_STALL_MAX,
        time_max: MESSAGE_TIME_MAX,
        length,
    }
}

fn error_of(rule: CallRule, error: BodyError) -> Error {
    match error {
        BodyError::TooLarge => {
            Error::TooLarge(format!("the message has more than {} bytes, the most that this call has", rule.bytes_max))
        }
        BodyError::Slow => Error::Invalid(format!(
            "the message did not arrive: {} s passed without a byte of it, or {} s in all",
            MESSAGE_STALL_MAX.as_secs(),
            MESSAGE_TIME_MAX.as_secs()
        )),
        BodyError::Broken => Error::Invalid("the message broke off".into()),
        BodyError::NoRoom => Error::Overloaded("too many bytes of messages are on the way".into()),
    }
}

fn refused(rule: CallRule, error: &Error) -> Response {
    match rule.signature {
        Signature::Http => refusal(error),
        _ => status(error).into_http(),
    }
}

fn envelope(headers: &http::HeaderMap) -> Result<Envelope, Error> {
    let metadata = MetadataMap::from_headers(headers.clone());
    let value = metadata.get_bin(METADATA).ok_or(Error::Unsigned)?;
    let form = |what: &str| Error::SignatureInvalid(format!("`{METADATA}` is no {what}"));
    let bytes = value.to_bytes().map_err(|_| form("base64"))?;
    let envelope = pb::Envelope::decode(bytes).map_err(|_| form("apiary.v1.Envelope"))?;
    decode::envelope(METADATA, Some(envelope))
}
