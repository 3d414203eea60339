//! The HTTP API, for clients without gRPC: `POST /v1/processes` takes a DSSE envelope as JSON, processes are read with a signed header,
//! and two pages show the broker's state. `docs/openapi.json` describes it all.

mod events;
mod read;
mod snapshot;

use std::sync::Arc;

use apiary_daemon::door::count_refusal;
use apiary_daemon::metrics::MetricsPage;
use apiary_identity::Envelope;
use apiary_protocol::pages;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Rpc;
use super::answers::is_grpc;
use super::status::{http_status, retry_after, status};
use crate::Error;
use crate::auth::Page;

/// Characters of a method's name that an answer repeats.
const METHOD_CHARS_MAX: usize = 16;

/// Returns the routes of the pages.
pub(super) fn router(rpc: Arc<Rpc>) -> Router {
    let metrics = MetricsPage::new(&rpc.metrics);
    // By the policy's table: a page without a row there cannot be routed.
    let pages = Page::ALL.iter().fold(Router::new(), |router, page| {
        let answered = match page {
            Page::Submit => post(submit),
            Page::Process => get(read::process),
            Page::Result => get(read::result),
            Page::Events => get(events::list),
            Page::Snapshot => get(snapshot::snapshot),
            Page::Broker => get(read::broker),
            Page::Healthz => get(healthz),
            Page::Readyz => get(readyz),
            Page::Metrics => metrics.clone().route(),
            Page::Description => get(description),
        };
        router.route(page.path(), answered)
    });
    pages
        .method_not_allowed_fallback(method_not_allowed)
        // Bodies are read and bounded before they come here.
        .layer(DefaultBodyLimit::disable())
        .with_state(rpc)
}

/// Answers a request for an unknown page or service, by gRPC or otherwise.
pub(super) async fn unknown(request: axum::extract::Request) -> Response {
    if is_grpc(request.headers()) {
        let words = "this broker has no such service: check its name and the broker's version";
        return status(&Error::Unimplemented(words.to_owned())).into_http();
    }
    let known = Page::ALL.iter().map(|page| page.path());
    refusal(&Error::NotFound(pages::advice(request.uri().path(), known)))
}

/// Answers a request with a wrong method. axum adds the `Allow` header, which names the right ones.
async fn method_not_allowed(method: Method) -> Response {
    let method: String = method.as_str().chars().take(METHOD_CHARS_MAX).collect();
    refusal(&Error::MethodNotAllowed(method))
}

/// Returns the description of all pages.
async fn description() -> Response {
    let json = include_str!("../../../docs/openapi.json");
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Answers that the process runs.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Answers whether the database takes writes.
async fn readyz(State(rpc): State<Arc<Rpc>>) -> Response {
    match rpc.engine.unready_to_write().await {
        None => Json(json!({ "ready": true, "claims_waiting": rpc.engine.claims_waiting() })).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "reason": reason }))).into_response()
        }
    }
}

async fn submit(State(rpc): State<Arc<Rpc>>, body: Bytes) -> Response {
    accept(&rpc, &body).await.unwrap_or_else(|error| refusal(&error))
}

async fn accept(rpc: &Rpc, body: &[u8]) -> Result<Response, Error> {
    let answer = rpc.submit_envelope(Envelope::from_json(body)?).await?;
    let status = if answer.existed { StatusCode::OK } else { StatusCode::CREATED };
    let state = read::word(answer.state());
    let body = json!({
        "process_id": answer.process_id, "existed": answer.existed, "redriven": answer.redriven, "state": state,
    });
    Ok((status, Json(body)).into_response())
}

/// Returns the answer for an error.
pub(super) fn refusal(error: &Error) -> Response {
    let reason = error.reason();
    count_refusal(reason.as_str());
    let body = error_body(error);
    let mut code = http_status(&reason);
    match error {
        Error::NotGrpc(_) => code = StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::MethodNotAllowed(_) => code = StatusCode::METHOD_NOT_ALLOWED,
        _ => {}
    }
    let mut answer = (code, Json(body)).into_response();
    if let Some(time) = retry_after(&reason) {
        answer.headers_mut().insert(header::RETRY_AFTER, time.as_secs().into());
    }
    answer
}

/// Returns an error as JSON.
fn error_body(error: &Error) -> Value {
    let reason = error.reason();
    let mut body = json!({
        "error": { "reason": reason.as_str(), "message": error.to_string(), "retryable": reason.is_retryable() }
    });
    if let Error::Field { field, .. } = error {
        body["error"]["field"] = field.as_str().into();
    }
    body
}
