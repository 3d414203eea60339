//! Checks the signature under every call before anything else sees it. A signature is over the message's bytes as they came,
//! so this must happen below the decoder: re-encoding another language's message may give other bytes.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use apiary_identity::Envelope;
use apiary_proto::v1 as pb;
use axum::body::Body;
use axum::response::Response;
use bytes::{Buf as _, Bytes};
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;
use tonic::metadata::MetadataMap;
use tower::{Layer, Service};

use super::decode;
use super::status::status;
use crate::Error;
use crate::auth::{Auth, Caller};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_TIME_MAX};

/// The metadata that carries the signed request.
const METADATA: &str = "apiary-request-bin";
/// A gRPC frame starts with one byte for compression and four for the length.
const FRAME_BYTES: usize = 5;

/// Calls that carry their own signed document, or need none. Everything else under `/apiary.` needs a signed request: a call
/// that is not in this list is refused without one.
const UNSIGNED: &[&str] = &[
    "/apiary.v1.BrokerService/Connect",
    "/apiary.v1.ColonyService/SetGuard",
    "/apiary.v1.GrantService/AddGrant",
    "/apiary.v1.GrantService/RevokeGrant",
    "/apiary.v1.LeaseService/Complete",
    "/apiary.v1.LeaseService/EndBatch",
    "/apiary.v1.LeaseService/Fail",
    "/apiary.v1.LeaseService/Report",
    "/apiary.v1.ProcessService/Submit",
    "/apiary.v1.ProcessService/SubmitBatch",
];

/// Wraps the services.
#[derive(Clone)]
pub(super) struct SignedCalls(pub(super) Arc<Auth>);

impl<S> Layer<S> for SignedCalls {
    type Service = Signed<S>;

    fn layer(&self, inner: S) -> Signed<S> {
        Signed { auth: self.0.clone(), inner }
    }
}

/// A service behind the check.
#[derive(Clone)]
pub(super) struct Signed<S> {
    auth: Arc<Auth>,
    inner: S,
}

impl<S> Service<http::Request<Body>> for Signed<S>
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
        let path = request.uri().path();
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        if !path.starts_with("/apiary.") || UNSIGNED.contains(&path) {
            return Box::pin(async move { inner.call(request).await });
        }
        let auth = self.auth.clone();
        Box::pin(async move {
            match check(&auth, request).await {
                Ok(request) => inner.call(request).await,
                Err(error) => Ok(status(&error).into_http()),
            }
        })
    }
}

async fn check(auth: &Auth, request: http::Request<Body>) -> Result<http::Request<Body>, Error> {
    let (mut parts, body) = request.into_parts();
    let envelope = envelope(&parts.headers)?;
    let body = collect(body).await?;
    let caller: Caller = auth.caller(&envelope, parts.uri.path(), &message(&body)?)?;
    parts.extensions.insert(caller);
    Ok(http::Request::from_parts(parts, Body::new(Full::new(body))))
}

fn envelope(headers: &http::HeaderMap) -> Result<Envelope, Error> {
    let metadata = MetadataMap::from_headers(headers.clone());
    let value = metadata.get_bin(METADATA).ok_or(Error::Unsigned)?;
    let form = |what: &str| Error::SignatureInvalid(format!("`{METADATA}` is no {what}"));
    let bytes = value.to_bytes().map_err(|_| form("base64"))?;
    let envelope = pb::Envelope::decode(bytes).map_err(|_| form("apiary.v1.Envelope"))?;
    decode::envelope(METADATA, Some(envelope))
}

async fn collect(body: Body) -> Result<Bytes, Error> {
    let limited = Limited::new(body, MESSAGE_BYTES_MAX + FRAME_BYTES);
    let collected = tokio::time::timeout(MESSAGE_TIME_MAX, limited.collect())
        .await
        .map_err(|_| Error::Invalid(format!("the message did not arrive within {} s", MESSAGE_TIME_MAX.as_secs())))?;
    let body = collected.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Error::TooLarge(format!("the message has more than {MESSAGE_BYTES_MAX} bytes"))
        } else {
            Error::Invalid(format!("the message broke off: {error}"))
        }
    })?;
    Ok(body.to_bytes())
}

/// The one message of a unary call, out of its frame.
fn message(body: &Bytes) -> Result<Bytes, Error> {
    let mut frame = body.clone();
    if frame.len() < FRAME_BYTES {
        return Err(Error::Invalid("the call has no message".into()));
    }
    if frame.get_u8() != 0 {
        return Err(Error::Invalid("signed messages are sent uncompressed".into()));
    }
    if frame.get_u32() as usize != frame.len() {
        return Err(Error::Invalid("the call has more or less than one message".into()));
    }
    Ok(frame)
}
