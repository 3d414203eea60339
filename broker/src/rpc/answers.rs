//! Answers in time, and with details that programs read, whichever layer rejects the call. tonic itself rejects what it cannot decode,
//! and reports an exceeded deadline as `CANCELLED`, which clients take for their own doing.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use apiary_protocol::details::Details;
use axum::body::HttpBody;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{BoxError, Layer, Service};

use super::http::refusal;
use super::status::status;
use crate::Error;

/// A layer around all services. It must be the outermost layer that changes answers: tonic's timer then starts after this one.
#[derive(Clone)]
pub(crate) struct Answers {
    /// Longest time until the answer to a call begins, even if its client allows more.
    pub(crate) time_max: Duration,
}

impl<S> Layer<S> for Answers {
    type Service = AnswerService<S>;

    fn layer(&self, inner: S) -> AnswerService<S> {
        AnswerService { time_max: self.time_max, inner }
    }
}

/// A service whose calls are answered in time and with details.
#[derive(Clone)]
pub(crate) struct AnswerService<S> {
    time_max: Duration,
    inner: S,
}

impl<S, Q, A> Service<Request<Q>> for AnswerService<S>
where
    S: Service<Request<Q>, Response = Response<A>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    A: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let is_grpc = is_grpc(request.headers());
        if !is_grpc && is_method(request.uri().path()) {
            let error = Error::NotGrpc(request.uri().path().to_owned());
            return Box::pin(async move { Ok(refusal(&error).map(Body::new)) });
        }
        let time = grpc_timeout(request.headers()).map_or(self.time_max, |time| time.min(self.time_max));
        // Here, and not when the future is first polled: tonic sets its own timer right after this.
        let deadline = Instant::now() + time;
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = match until(deadline, call).await {
                Some(Ok(answer)) => answer.map(Body::new),
                None if is_grpc => status(&Error::DeadlineExceeded).into_http(),
                None => refusal(&Error::DeadlineExceeded).map(Body::new),
            };
            Ok(if is_grpc { explained(answer) } else { answer })
        })
    }
}

/// Returns the result of the call, or `None` once its time is over. Checks the clock as well as the timer: tonic polls this future
/// when its own timer has fired, and then takes this result instead of its own answer.
async fn until<F: Future>(deadline: Instant, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut timer = pin!(sleep_until(deadline));
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if timer.as_mut().poll(context).is_ready() || Instant::now() >= deadline => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Adds details to a rejection that has none: in the head, or in the trailers.
fn explained(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    if parts.headers.contains_key(Status::GRPC_STATUS) {
        explain(&mut parts.headers, true);
        return Response::from_parts(parts, body);
    }
    let body = body.map_frame(|mut frame| {
        if let Some(trailers) = frame.trailers_mut() {
            explain(trailers, false);
        }
        frame
    });
    Response::from_parts(parts, Body::new(body))
}

fn explain(headers: &mut HeaderMap, before_the_handler: bool) {
    let Some(found) = Status::from_header_map(headers) else { return };
    if found.code() == Code::Ok || Details::of(&found).is_some() {
        return;
    }
    let better = status(&error_of(&found, before_the_handler));
    // A status that does not fit into headers stays as it is.
    if better.add_header(headers).is_err() {
        tracing::debug!(code = %found.code(), "a refusal was sent without details");
    }
}

/// Returns the error for a library's status. Handlers reject with details, so this status was made before or after them.
fn error_of(found: &Status, before_the_handler: bool) -> Error {
    let words = found.message().to_owned();
    match found.code() {
        Code::Internal if before_the_handler => Error::Invalid(format!("the message cannot be read: {words}")),
        Code::InvalidArgument => Error::Invalid(words),
        Code::OutOfRange | Code::ResourceExhausted => Error::TooLarge(words),
        Code::NotFound => Error::NotFound(words),
        Code::DeadlineExceeded => Error::DeadlineExceeded,
        Code::Unavailable | Code::Cancelled => Error::Unavailable(words),
        Code::Unimplemented if words.is_empty() => {
            Error::Unimplemented("this broker has no such method: check its path and the broker's version".to_owned())
        }
        Code::Unimplemented => Error::Unimplemented(words),
        _ => Error::Internal(words),
    }
}

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// True if a path is that of a gRPC method: `/package.Service/Method`.
fn is_method(path: &str) -> bool {
    let parts = path.trim_start_matches('/').split_once('/');
    parts.is_some_and(|(service, method)| service.contains('.') && !method.is_empty())
}

/// Reads the client's deadline: up to eight digits and a unit, as gRPC's protocol has it. An unreadable value counts as none.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    const DIGITS_MAX: usize = 8;
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit).filter(|digits| digits.len() <= DIGITS_MAX)?;
    let count: u32 = digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())??;
    let one = match unit {
        'H' => Duration::from_secs(3600),
        'M' => Duration::from_secs(60),
        'S' => Duration::from_secs(1),
        'm' => Duration::from_millis(1),
        'u' => Duration::from_micros(1),
        'n' => Duration::from_nanos(1),
        _ => return None,
    };
    Some(one.saturating_mul(count))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parsed(text: &'static str) -> Option<Duration> {
        grpc_timeout(&HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            HeaderValue::from_static(text),
        )]))
    }

    #[test]
    fn a_clients_deadline_is_read_as_grpc_writes_it() {
        let table = [
            ("2H", Some(Duration::from_secs(7200))),
            ("1M", Some(Duration::from_secs(60))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("250m", Some(Duration::from_millis(250))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("100000000n", None),
            ("m", None),
            ("", None),
            ("+1S", None),
            ("1x", None),
            ("1.5S", None),
        ];
        for (text, time) in table {
            assert_eq!(parsed(text), time, "{text}");
        }
    }

    #[test]
    fn methods_are_told_from_pages() {
        assert!(is_method("/apiary.v1.BrokerService/Connect"));
        assert!(is_method("/grpc.health.v1.Health/Check"));
        for page in ["/", "/healthz", "/openapi.json", "/v1/processes", "/v1/processes/a.b"] {
            assert!(!is_method(page), "{page}");
        }
    }
}
