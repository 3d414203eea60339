//! Calls: each has one line at its end, whatever the end.

use std::io;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use tower::ServiceExt as _;
use tracing::Instrument as _;
use tracing::subscriber::DefaultGuard;

use super::*;

const STREAM: &str = "/test.Service/Watch";

/// The lines of a log, for as long as the test runs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn keep() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).without_time();
        (lines, tracing::subscriber::set_default(log.with_writer(move || writer.clone()).finish()))
    }

    fn ended(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
        text.lines().filter(|line| line.contains("call ended")).map(str::to_owned).collect()
    }
}

fn router() -> Router {
    let pages = Router::new()
        .route("/pages/{id}", get(async || "page"))
        .route(
            "/identified",
            get(async || {
                identify_caller("first-colony-with-a-long-id", "key-one");
                identify_caller("second", "key-two");
            }),
        )
        .route(
            "/identified-later",
            get(async || {
                let identify = async { identify_caller("colony", "key") };
                identify.instrument(call_span()).await;
            }),
        )
        .route("/test.Service/{*method}", get(grpc));
    pages.layer(Calls::new([STREAM.to_owned()]))
}

/// Answers with a message and then with the status, as gRPC does.
async fn grpc() -> Response {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "5".parse().unwrap())]);
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"message"))), Ok(Frame::trailers(trailers))];
    let mut answer = Response::new(Body::new(StreamBody::new(stream::iter(frames))));
    answer.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    answer
}

async fn call(path: &str) -> Response {
    router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn each_call_has_one_line_with_its_route_status_and_size() {
    let (lines, _log) = Lines::keep();
    for path in ["/pages/17", "/nowhere"] {
        call(path).await.into_body().collect().await.unwrap();
    }
    let ended = lines.ended();
    assert_eq!(ended.len(), 2, "{ended:?}");
    for part in ["method=\"/pages/{id}\" peer=unknown}", "status=200", "bytes=4"] {
        assert!(ended[0].contains(part), "{part} in {}", ended[0]);
    }
    assert!(ended[1].contains("method=\"unknown\"") && ended[1].contains("status=404"), "{}", ended[1]);
}

#[tokio::test]
async fn a_streams_line_comes_at_its_end_with_the_status_behind_the_messages() {
    let (lines, _log) = Lines::keep();
    let mut body = call(STREAM).await.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    assert_eq!(lines.ended(), Vec::<String>::new(), "it goes on");
    drop(body);
    call(STREAM).await.into_body().collect().await.unwrap();
    call("/test.Service/Nothing").await.into_body().collect().await.unwrap();
    let ended = lines.ended();
    assert_eq!(ended.len(), 3, "{ended:?}");
    assert!(ended[0].contains("method=\"Watch\"") && ended[0].contains("status=CANCELLED"), "{}", ended[0]);
    assert!(ended[1].contains("status=NOT_FOUND"), "{}", ended[1]);
    assert!(ended[2].contains("method=\"/test.Service/{*method}\""), "no name of the client's choice: {}", ended[2]);
}

#[tokio::test]
async fn a_call_that_is_given_up_has_a_line_too() {
    let (lines, _log) = Lines::keep();
    let waiting = Router::new().route("/wait", get(std::future::pending::<()>)).layer(Calls::new([]));
    let mut answer = waiting.oneshot(Request::get("/wait").body(Body::empty()).unwrap());
    assert!(futures::poll!(&mut answer).is_pending());
    drop(answer);
    assert!(lines.ended()[0].contains("status=CANCELLED"), "{:?}", lines.ended());
}

#[tokio::test]
async fn the_first_identity_of_a_call_is_shown_shortened() {
    let (lines, _log) = Lines::keep();
    for path in ["/identified", "/identified-later"] {
        call(path).await.into_body().collect().await.unwrap();
    }
    let ended = lines.ended();
    assert!(ended[1].contains("colony=\"colony\" key=\"key\"}"), "{}", ended[1]);
    assert!(ended[0].contains("colony=\"first-colony-wit\" key=\"key-one\"}"), "{}", ended[0]);
}
