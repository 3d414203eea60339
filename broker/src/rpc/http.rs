//! The HTTP door, for those without gRPC: `POST /v1/processes` takes a DSSE envelope as JSON, and two pages tell how the
//! broker is.

use std::sync::Arc;

use apiary_identity::Envelope;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::Rpc;
use super::status::{http_status, retry_after};
use crate::Error;
use crate::limits::{HTTP_BODY_BYTES_MAX, MESSAGE_TIME_MAX};

/// The pages.
pub(super) fn router(rpc: Arc<Rpc>) -> Router {
    Router::new()
        .route("/v1/processes", post(submit))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .with_state(rpc)
}

/// The process runs.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The process runs, and its database answers.
async fn readyz(State(rpc): State<Arc<Rpc>>) -> Response {
    if rpc.engine.is_ready().await {
        return Json(json!({ "ready": true, "claims_waiting": rpc.engine.claims_waiting() })).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false }))).into_response()
}

async fn submit(State(rpc): State<Arc<Rpc>>, request: axum::extract::Request) -> Response {
    let body = match tokio::time::timeout(MESSAGE_TIME_MAX, read(request)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return refusal(&error),
        Err(_) => {
            return refusal(&Error::Invalid(format!(
                "the body did not arrive within {} s",
                MESSAGE_TIME_MAX.as_secs()
            )));
        }
    };
    match accept(&rpc, &body).await {
        Ok(answer) => answer,
        Err(error) => refusal(&error),
    }
}

async fn read(request: axum::extract::Request) -> Result<Bytes, Error> {
    use axum::extract::FromRequest as _;
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::TooLarge(format!("the body has more than {HTTP_BODY_BYTES_MAX} bytes"))
        } else {
            Error::Invalid(format!("the body cannot be read: {}", rejection.body_text()))
        }
    })
}

async fn accept(rpc: &Rpc, body: &[u8]) -> Result<Response, Error> {
    let answer = rpc.submit_envelope(Envelope::from_json(body)?).await?;
    let status = if answer.existed { StatusCode::OK } else { StatusCode::CREATED };
    let state = answer.state().as_str_name().trim_start_matches("PROCESS_STATE_").to_ascii_lowercase();
    let body = json!({ "process_id": answer.process_id, "existed": answer.existed, "state": state });
    Ok((status, Json(body)).into_response())
}

/// The answer to what is refused.
pub(super) fn refusal(error: &Error) -> Response {
    let reason = error.reason();
    let mut body = json!({
        "error": { "reason": reason.as_str(), "message": error.to_string(), "retryable": reason.is_retryable() }
    });
    let mut status = http_status(&reason);
    match error {
        Error::Field { field, .. } => body["error"]["field"] = field.as_str().into(),
        Error::NotGrpc(_) => status = StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => {}
    }
    let mut answer = (status, Json(body)).into_response();
    if let Some(time) = retry_after(&reason) {
        answer.headers_mut().insert(header::RETRY_AFTER, time.as_secs().into());
    }
    answer
}
