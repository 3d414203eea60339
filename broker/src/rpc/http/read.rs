//! Reading over HTTP: a process, and its result once there is one. Each request is signed as a gRPC call is, in a header.

use std::sync::Arc;
use std::time::Duration;

use apiary_identity::{Document as _, Envelope, Outcome};
use apiary_proto::v1 as pb;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::refusal;
use crate::Error;
use crate::auth::{Permit, action};
use crate::limits::{CLAIM_WAIT_MS_MAX, HEADER_BYTES_MAX, REQUEST_WINDOW_MS};
use crate::rpc::{Rpc, decode, encode};

/// The header that carries the signed request: an envelope as JSON, in base64.
const HEADER: &str = "apiary-request";
/// Base64 with or without padding: tools differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the broker instance to sign for.
pub(super) async fn broker(State(rpc): State<Arc<Rpc>>) -> Json<Value> {
    Json(json!({
        "broker_id": rpc.broker_id.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "time": time(rpc.engine.clock().now_ms()),
        "request_window_ms": REQUEST_WINDOW_MS,
        "wait_ms_max": CLAIM_WAIT_MS_MAX,
    }))
}

/// Returns a process with its signed documents.
pub(super) async fn process(State(rpc): State<Arc<Rpc>>, Path(id): Path<String>, parts: Parts) -> Response {
    let read = async {
        let permit: Permit<action::GetProcess> = permit(&rpc, &parts).await?;
        let id = decode::process_id(&id)?;
        check_parameters(&parts, &[])?;
        Ok(encode::detail(rpc.engine.get_process(permit, id).await?))
    };
    answer(read.await.map(|detail| Json(whole(detail)).into_response()))
}

/// Returns the result of a process; waits for it as long as the caller asks.
pub(super) async fn result(State(rpc): State<Arc<Rpc>>, Path(id): Path<String>, parts: Parts) -> Response {
    let read = async {
        let permit: Permit<action::Await> = permit(&rpc, &parts).await?;
        let id = decode::process_id(&id)?;
        check_parameters(&parts, &["wait"])?;
        let wait = wait(parameters(&parts).find(|(name, _)| *name == "wait").map(|(_, value)| value))?;
        let is_finished = |state| !matches!(state, "waiting" | "blocked" | "running");
        let awaited = encode::await_response(rpc.engine.r#await(permit, id, wait).await?);
        let process = awaited.process.clone().unwrap_or_default();
        let status = if is_finished(word(process.state()).as_str()) { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok((status, Json(ended(&process, &awaited))).into_response())
    };
    answer(read.await)
}

/// Returns an answer that no cache keeps.
pub(super) fn answer(read: Result<Response, Error>) -> Response {
    let mut answer = read.unwrap_or_else(|error| refusal(&error));
    // An answer for one caller must not reach the next one from a cache.
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

/// Checks the signed header: for this method, this path and query as they came, this broker, now, and once.
pub(super) async fn permit<A: action::Action>(rpc: &Rpc, parts: &Parts) -> Result<Permit<A>, Error> {
    let value = parts.headers.get(HEADER).ok_or_else(|| rpc.auth.unread(None, Error::Unsigned))?;
    let form = |words: String| Error::SignatureInvalid(format!("`{HEADER}` {words}"));
    if value.len() > HEADER_BYTES_MAX {
        return Err(form(format!("has more than {HEADER_BYTES_MAX} bytes")));
    }
    let json = BASE64.decode(value.as_bytes()).map_err(|_| form("is no base64 on one line".to_owned()))?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let signed = rpc.auth.request(&Envelope::from_json(&json)?, &format!("{} {target}", parts.method))?;
    let caller = rpc.auth.caller(&signed, b"")?;
    rpc.auth.permit(&caller).await
}

/// Returns the query's parameters, as they came.
pub(super) fn parameters(parts: &Parts) -> impl Iterator<Item = (&str, &str)> {
    let all = parts.uri.query().unwrap_or_default().split('&').filter(|one| !one.is_empty());
    all.map(|one| one.split_once('=').unwrap_or((one, "")))
}

/// Rejects unknown parameters: a misspelt one must not be a silent default.
pub(super) fn check_parameters(parts: &Parts, known: &[&str]) -> Result<(), Error> {
    let mut seen = Vec::new();
    for (name, _) in parameters(parts) {
        if !known.contains(&name) || seen.contains(&name) {
            let words = if known.is_empty() { "none".to_owned() } else { format!("`{}`, once", known.join("`, `")) };
            return Err(Error::Invalid(format!(
                "the query has parameters that this page does not take: it takes {words}"
            )));
        }
        seen.push(name);
    }
    Ok(())
}

/// Reads a wait: `30s`, `500ms`, or nothing.
pub(super) fn wait(text: Option<&str>) -> Result<Duration, Error> {
    text.map_or(Ok(Duration::ZERO), |text| decode::wait(span_ms("wait", text)?))
}

/// Reads a time in milliseconds: `30s`, `500ms`.
pub(super) fn span_ms(name: &str, text: &str) -> Result<i64, Error> {
    let (digits, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1),
        (_, Some(digits)) => (digits, 1000),
        _ => ("", 0),
    };
    let count = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten();
    match count {
        Some(count) => Ok(i64::from(count) * unit_ms),
        None => Err(Error::field(name, "is a number with `s` or `ms`, such as `30s`")),
    }
}

fn whole(detail: pb::GetProcessResponse) -> Value {
    let attributes = detail
        .attributes
        .into_iter()
        .map(|one| json!({ "kind": one.kind, "key": one.key, "value": one.value, "attempt": one.attempt }));
    let mut whole = summary(&detail.process.unwrap_or_default());
    whole.insert("spec".to_owned(), signed(detail.spec.as_ref()));
    whole.insert("submitter_grant".to_owned(), signed(detail.submitter_grant.as_ref()));
    whole.insert("attempts".to_owned(), detail.attempts.iter().map(attempt).collect());
    whole.insert("attributes".to_owned(), attributes.collect());
    whole.insert("payload_hidden".to_owned(), detail.payload_hidden.into());
    Value::Object(whole)
}

/// Returns a process's summary. Absent values are `null`.
fn summary(process: &pb::Process) -> Map<String, Value> {
    let fields = [
        ("process_id", json!(process.process_id)),
        ("function", json!(process.function)),
        ("executor_type", json!(process.executor_type)),
        ("state", json!(word(process.state()))),
        ("attempt", json!(process.attempt)),
        ("retries_spent", json!(process.retries_spent)),
        ("priority", json!(process.priority)),
        ("submitted_at", time(process.submitted_at_ms)),
        ("state_since", time(process.state_since_ms)),
        ("state_until", time(process.state_until_ms)),
        ("submitter", text(&process.submitter)),
        ("executor", text(&process.executor)),
        ("reason", text(&process.reason)),
        ("labels", json!(process.labels)),
        ("ended_by", text(&process.ended_by)),
        ("cancel_deadline", time(process.cancel_deadline_ms)),
        ("blocked_cause", text(&process.blocked_cause)),
        ("percent", if process.percent < 0.0 { Value::Null } else { json!(process.percent) }),
        ("progress", text(&process.progress)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn attempt(one: &pb::Attempt) -> Value {
    json!({
        "attempt": one.attempt,
        "executor": text(&one.executor),
        "executor_grant": signed(one.executor_grant.as_ref()),
        "claimed_at": time(one.claimed_at_ms),
        "ended_at": time(one.ended_at_ms),
        "outcome": one.outcome,
        "reason": text(&one.reason),
        "result": signed(one.result.as_ref()),
    })
}

/// Returns the end of a process, or its state: the output as its executor printed it, and the signed result that contains it.
fn ended(process: &pb::Process, awaited: &pb::AwaitResponse) -> ResultPage {
    let last = awaited.attempt.as_ref();
    let result = last.and_then(|attempt| attempt.result.as_ref());
    // Read, not verified: the answer contains the signed bytes for callers who need proof.
    let said = result
        .and_then(|result| Outcome::from_json(&result.payload).ok().and(serde_json::from_slice(&result.payload).ok()));
    let said: ResultContent = said.unwrap_or_default();
    ResultPage {
        process_id: process.process_id.clone(),
        state: word(process.state()),
        reason: text(&process.reason),
        attempt: process.attempt,
        executor: text(&process.executor),
        outcome: last.map_or(Value::Null, |attempt| json!(attempt.outcome)),
        output: said.output,
        output_base64: said.output_base64,
        result: signed(result),
        executor_grant: signed(last.and_then(|attempt| attempt.executor_grant.as_ref())),
        payload_hidden: awaited.payload_hidden,
    }
}

/// The content of a result, with its numbers as they were printed.
#[derive(Default, Deserialize)]
struct ResultContent {
    output: Option<Box<RawValue>>,
    output_base64: Option<String>,
}

/// The end of a process, or its state.
#[derive(serde::Serialize)]
struct ResultPage {
    process_id: String,
    state: String,
    reason: Value,
    attempt: i32,
    executor: Value,
    outcome: Value,
    output: Option<Box<RawValue>>,
    output_base64: Option<String>,
    result: Value,
    executor_grant: Value,
    payload_hidden: bool,
}

/// Returns a signed document in DSSE's form.
fn signed(envelope: Option<&pb::Envelope>) -> Value {
    let standard = base64::engine::general_purpose::STANDARD;
    envelope.map_or(Value::Null, |envelope| {
        json!({
            "payloadType": envelope.payload_type,
            "payload": standard.encode(&envelope.payload),
            "signatures": [{ "keyid": envelope.key_id, "sig": standard.encode(&envelope.signature) }],
        })
    })
}

/// Returns a state's word, as in documents and commands.
pub(super) fn word(state: pb::ProcessState) -> String {
    state.as_str_name().trim_start_matches("PROCESS_STATE_").to_ascii_lowercase()
}

/// Returns text, or `null` for none.
pub(super) fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// Returns a time in words, or `null` for none.
pub(super) fn time(ms: i64) -> Value {
    match Timestamp::from_millisecond(ms) {
        Ok(time) if ms > 0 => json!(time.to_string()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit_and_is_bounded() {
        let ms = |text| wait(Some(text)).map(|wait| wait.as_millis()).ok();
        assert_eq!(
            (ms("0s"), ms("30s"), ms("500ms"), ms("4000000000s")),
            (Some(0), Some(30_000), Some(500), Some(60_000))
        );
        for bad in ["", "30", "s", "ms", "-1s", "1.5s", "1m", "1S", "30s ", "99999999999s"] {
            assert_eq!(ms(bad), None, "{bad:?}");
        }
    }
}
