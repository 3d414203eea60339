//! The span of each call, and the line of the log at its end.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tower::{Layer, Service};
use tracing::{Level, Span};

use super::{CallMetrics, Peer, RequestId};

/// The codes of gRPC, by their numbers.
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// Characters of a public id that a span shows: enough to find the key, short enough for a line.
const ID_CHARS: usize = 16;

/// A layer around all routes that gives each call its span, `rpc`, and logs its end.
#[derive(Clone)]
pub struct Calls {
    /// The paths of all gRPC methods.
    methods: Arc<HashSet<String>>,
    metrics: Option<Arc<CallMetrics>>,
}

impl Calls {
    /// Returns a layer for routes with these gRPC methods, each `/package.Service/Method`. It must be the outermost layer of the
    /// router: what happens outside of it happens outside of the span.
    pub fn new(methods: impl IntoIterator<Item = String>) -> Self {
        Self { methods: Arc::new(methods.into_iter().collect()), metrics: None }
    }

    /// Counts the calls, too.
    pub fn counted(self, metrics: CallMetrics) -> Self {
        Self { metrics: Some(Arc::new(metrics)), ..self }
    }
}

impl<S> Layer<S> for Calls {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { calls: self.clone(), inner }
    }
}

/// A service whose calls have spans.
#[derive(Clone)]
pub struct CallService<S> {
    calls: Calls,
    inner: S,
}

impl<S> Service<Request> for CallService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let head = Arc::new(Head::of(&self.calls, &request));
        let mut call = Call { head: head.clone(), begun: Instant::now(), status: Status::Open, bytes: 0 };
        // At once: layers inside set timers in `call`.
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = CURRENT.scope(head, answer).await?;
            call.status = Status::of(&answer);
            Ok(answer.map(|body| Body::new(AnswerBody { body, call })))
        })
    }
}

tokio::task_local! {
    /// The call in whose future the code runs.
    static CURRENT: Arc<Head>;
}

/// Returns the span of the call in progress, none outside of a call. The first to ask opens it: a request whose message never arrives,
/// as those of an attacker, costs no span.
pub fn call_span() -> Span {
    CURRENT.try_with(|head| head.span().clone()).unwrap_or_else(|_| Span::none())
}

/// Shows, in the span of the call in progress, whose it is. Of several identities, as a batch has, the span keeps the first.
pub fn identify_caller(colony: impl Display, key: impl Display) {
    // Outside of a call there is nobody to identify.
    let _ = CURRENT.try_with(|head| {
        if head.identity.get().is_some() || !tracing::enabled!(Level::INFO) {
            return;
        }
        let (colony, key) = head.identity.get_or_init(|| (shortened(&colony), shortened(&key)));
        if let Some(span) = head.span.get() {
            tracing::record_all!(span, colony = colony, key = key);
        }
    });
}

/// Counts a refusal of the call in progress, by its reason: one of a batch's documents, or all of the call.
pub fn count_refusal(reason: &str) {
    // Outside of a call nobody is refused.
    let _ = CURRENT.try_with(|head| head.calls.metrics.as_ref().map(|metrics| metrics.refused(reason)));
}

/// Returns the other side of the call in progress, without the cost of its address in words; `None` outside of a call, or if the door gave
/// no address.
pub fn current_peer() -> Option<Peer> {
    CURRENT.try_with(|head| head.peer).ok().flatten()
}

/// The call in progress, for records of what it did.
pub struct CurrentCall(Arc<Head>);

impl CurrentCall {
    /// Returns the call in whose future the code runs; `None` outside of a call.
    pub fn get() -> Option<Self> {
        CURRENT.try_with(|head| Self(head.clone())).ok()
    }

    /// Returns the method's name, or the page's route; `unknown` for any other path.
    pub fn method(&self) -> &str {
        self.0.method()
    }

    /// Returns the id of the request.
    pub fn request_id(&self) -> &str {
        self.0.id.as_str()
    }

    /// Returns the other side's address: `socket` for a process on this machine, `unknown` if the door gave none.
    pub fn address(&self) -> String {
        Shown(self.0.peer).to_string()
    }
}

fn shortened(id: &impl Display) -> String {
    let mut text = id.to_string();
    // Public ids are ASCII.
    text.truncate(ID_CHARS);
    text
}

/// A call as it is known at its beginning, and its span once it is open.
struct Head {
    id: RequestId,
    calls: Calls,
    path: Uri,
    route: Option<MatchedPath>,
    peer: Option<Peer>,
    identity: OnceLock<(String, String)>,
    span: OnceLock<Span>,
}

/// A call from its beginning until the last byte of its answer was handed over. A line of the log tells its end, however it ends.
struct Call {
    head: Arc<Head>,
    begun: Instant,
    status: Status,
    /// Bytes of the answer's body.
    bytes: u64,
}

impl Head {
    /// Notes what a span will need, and works nothing out: this is done for each request of an attacker, too.
    fn of(calls: &Calls, request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            id: extensions.get().cloned().unwrap_or_default(),
            calls: calls.clone(),
            path: request.uri().clone(),
            route: extensions.get().cloned(),
            peer: extensions.get().copied(),
            identity: OnceLock::new(),
            span: OnceLock::new(),
        }
    }

    /// Returns a method's name, or a page's route. Any other path is the client's choice, and would fill the log and the metrics.
    fn method(&self) -> &str {
        let path = self.path.path();
        if self.calls.methods.contains(path) {
            return path.rsplit('/').next().unwrap_or_default();
        }
        self.route.as_ref().map_or("unknown", MatchedPath::as_str)
    }

    fn span(&self) -> &Span {
        self.span.get_or_init(|| {
            let identity = self.identity.get();
            tracing::info_span!(
                "rpc",
                request_id = self.id.as_str(),
                method = self.method(),
                peer = %Shown(self.peer),
                colony = identity.map(|(colony, _)| colony),
                key = identity.map(|(_, key)| key),
            )
        })
    }
}

impl Drop for Call {
    /// Counts the end, and logs it.
    fn drop(&mut self) {
        if let Some(metrics) = &self.head.calls.metrics {
            metrics.ended(self.head.method(), self.status.class(), self.begun.elapsed(), self.bytes);
        }
        if !tracing::enabled!(Level::DEBUG) {
            return;
        }
        let (status, bytes) = (self.status, self.bytes);
        let duration_ms = self.begun.elapsed().as_micros() as f64 / 1000.0;
        self.head.span().in_scope(|| tracing::debug!(%status, duration_ms, bytes, "call ended"));
    }
}

/// The end of a call, as far as it is known.
#[derive(Clone, Copy)]
enum Status {
    /// No answer yet, or a gRPC answer without its status. At the end of the call: the client went away, or the program
    /// cut it off.
    Open,
    /// The status of an HTTP answer.
    Http(StatusCode),
    /// The code of a gRPC answer.
    Grpc(&'static str),
}

impl Status {
    fn of(answer: &Response) -> Self {
        let headers = answer.headers();
        let is_grpc = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        // The status of a gRPC answer with messages comes behind them.
        if is_grpc { grpc_code(headers).map_or(Self::Open, Self::Grpc) } else { Self::Http(answer.status()) }
    }
}

impl Status {
    /// Returns the status for metrics: the gRPC code, or the first digit of an HTTP status.
    fn class(self) -> &'static str {
        match self {
            Self::Open if std::thread::panicking() => "INTERNAL",
            Self::Open => "CANCELLED",
            Self::Grpc(code) => code,
            Self::Http(status) => match status.as_u16() / 100 {
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "1xx",
            },
        }
    }
}

fn grpc_code(headers: &HeaderMap) -> Option<&'static str> {
    let number: usize = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    GRPC_CODES.get(number).copied()
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open if std::thread::panicking() => f.write_str("INTERNAL"),
            Self::Open => f.write_str("CANCELLED"),
            Self::Http(status) => status.as_u16().fmt(f),
            Self::Grpc(code) => f.write_str(code),
        }
    }
}

/// The other side as spans show it.
struct Shown(Option<Peer>);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Peer::Address(address)) => address.fmt(f),
            Some(Peer::Local) => f.write_str("socket"),
            None => f.write_str("unknown"),
        }
    }
}

/// The body of an answer. What makes it runs in the call's span, for a stream until its end.
struct AnswerBody {
    body: Body,
    call: Call,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, call } = &mut *self;
        // A call that was refused at once has no span, and nothing to log.
        let polled = match call.head.span.get() {
            Some(span) => span.in_scope(|| Pin::new(body).poll_frame(context)),
            None => Pin::new(body).poll_frame(context),
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            if let Some(data) = frame.data_ref() {
                call.bytes += u64::try_from(data.len()).unwrap_or(0);
            }
            if let Some(code) = frame.trailers_ref().and_then(grpc_code) {
                call.status = Status::Grpc(code);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
