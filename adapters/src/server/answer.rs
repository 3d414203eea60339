//! Converts results to HTTP answers, in one table.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::intake::Kept;
use crate::refusal::Refusal;
use crate::source::Event;

/// Wait that a sender is asked for, in seconds, if the fault is not the sender's.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("30");

/// An event that is stored; or that was ignored, if `kept` is `None`.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) event: Event,
    pub(super) kept: Option<Kept>,
}

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        let (event, kind) = (self.event.id, self.event.kind);
        match self.kept {
            Some(Kept::Submitted(submitted)) => Json(json!({
                "outcome": "submitted",
                "event": event,
                "process_id": submitted.process_id,
                "existed": submitted.existed,
                "redriven": submitted.redriven,
            }))
            .into_response(),
            Some(Kept::Spooled) => {
                (StatusCode::ACCEPTED, Json(json!({ "outcome": "spooled", "event": event }))).into_response()
            }
            None => Json(json!({ "outcome": "ignored", "event": event, "type": kind })).into_response(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, reason) = row(&self);
        let retryable = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
        let error = json!({ "reason": reason, "message": self.to_string(), "retryable": retryable });
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        if matches!(self, Self::BodyTooLarge(_) | Self::BodySlow(_) | Self::BodyBroken | Self::Busy) {
            // The rest of the body is still arriving, and must not be parsed as another request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn row(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::SignatureMissing(_) => (StatusCode::BAD_REQUEST, "SIGNATURE_MISSING"),
        Refusal::SignatureMalformed { .. } => (StatusCode::BAD_REQUEST, "SIGNATURE_MALFORMED"),
        Refusal::SignatureWrong => (StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"),
        Refusal::SignatureStale { .. } | Refusal::SignatureFuture { .. } => {
            (StatusCode::UNAUTHORIZED, "SIGNATURE_STALE")
        }
        Refusal::EventMalformed(_) => (StatusCode::BAD_REQUEST, "INVALID"),
        Refusal::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE"),
        Refusal::BodySlow(_) => (StatusCode::REQUEST_TIMEOUT, "TIMEOUT"),
        Refusal::BodyBroken => (StatusCode::BAD_REQUEST, "BODY_BROKEN"),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"),
        Refusal::SpoolFull => (StatusCode::SERVICE_UNAVAILABLE, "SPOOL_FULL"),
        Refusal::NotKept => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Refusal::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Refusal::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
    }
}

/// Returns the status of the answer to a refusal.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    row(refusal).0
}
