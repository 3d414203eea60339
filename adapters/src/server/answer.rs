//! Converts results to HTTP answers, in one table.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::Event;
use crate::intake::Kept;
use crate::refusal::Refusal;

/// Wait that a sender is asked for, in seconds, if the fault is not the sender's.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("30");

/// The events of a request, all of them stored or ignored.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) events: Vec<TakenEvent>,
    /// True if the request had a list, so that the answer has one, too.
    pub(super) is_list: bool,
}

/// An event that is stored, as one process or several; or that was ignored, if there is none.
#[derive(Debug)]
pub(super) struct TakenEvent {
    pub(super) event: Event,
    pub(super) kept: Vec<Kept>,
}

impl TakenEvent {
    fn is_spooled(&self) -> bool {
        self.kept.iter().any(|kept| matches!(kept, Kept::Spooled))
    }

    /// Describes the event: the first process, and the copies.
    fn describe(&self) -> Value {
        let Event { id, kind, .. } = &self.event;
        let Some((first, copies)) = self.kept.split_first() else {
            return json!({ "outcome": "ignored", "event": id, "type": kind });
        };
        let mut answer = outcome(first);
        answer["event"] = json!(id);
        if !copies.is_empty() {
            answer["copies"] = copies.iter().map(outcome).collect();
        }
        answer
    }
}

/// Describes one process: submitted, or in the spool on the way to one.
fn outcome(kept: &Kept) -> Value {
    let mut outcome = json!({ "outcome": kept.word() });
    if let Kept::Submitted(submitted) = kept {
        outcome["process_id"] = json!(submitted.process_id);
        outcome["existed"] = submitted.existed.into();
        outcome["redriven"] = submitted.redriven.into();
    }
    outcome
}

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        let is_spooled = self.events.iter().any(TakenEvent::is_spooled);
        let status = if is_spooled { StatusCode::ACCEPTED } else { StatusCode::OK };
        let answer = match self.events.as_slice() {
            [event] if !self.is_list => event.describe(),
            events => json!({ "events": events.iter().map(TakenEvent::describe).collect::<Vec<_>>() }),
        };
        (status, Json(answer)).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, reason) = row(&self);
        let retryable = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
        let mut error = json!({ "reason": reason, "message": self.to_string(), "retryable": retryable });
        if let Self::EventInvalid(faults) = &self {
            error["faults"] = json!(faults);
        }
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
        Refusal::TokenWrong => (StatusCode::UNAUTHORIZED, "TOKEN_INVALID"),
        Refusal::EventInvalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "SCHEMA_MISMATCH"),
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

/// Returns the word for a refusal.
pub(super) fn reason(refusal: &Refusal) -> &'static str {
    row(refusal).1
}

/// Returns the status of the answer to a refusal.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    row(refusal).0
}
