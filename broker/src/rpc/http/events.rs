//! Reading events over HTTP, signed as the other pages are.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use apiary_proto::v1 as pb;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::{answer, check_parameters, permit, text, time, wait};
use crate::Error;
use crate::auth::{Permit, action};
use crate::rpc::{Rpc, events as service};

/// The parameters of the page.
const PARAMETERS: [&str; 12] = [
    "after",
    "last",
    "page_size",
    "process_id",
    "key_id",
    "function",
    "request_id",
    "method",
    "kind",
    "since",
    "until",
    "wait",
];

/// Returns a page of events; waits for one as long as the caller asks.
pub(super) async fn list(State(rpc): State<Arc<Rpc>>, parts: Parts) -> Response {
    let read = async {
        let permit: Permit<action::ListEvents> = permit(&rpc, &parts).await?;
        check_parameters(&parts, &PARAMETERS)?;
        let page = service::page(rpc.engine.list_events(permit, service::query(request(&parts)?)?).await?);
        let events: Vec<Value> = page.events.iter().map(event).collect();
        Ok(Json(json!({ "events": events, "next": page.next, "is_more": page.is_more })).into_response())
    };
    answer(read.await)
}

fn request(parts: &Parts) -> Result<pb::ListEventsRequest, Error> {
    let Query(mut values) = Query::<HashMap<String, String>>::try_from_uri(&parts.uri)
        .map_err(|error| Error::Invalid(format!("the query cannot be read: {error}")))?;
    let wait = wait(values.remove("wait").as_deref())?;
    Ok(pb::ListEventsRequest {
        after: number(&mut values, "after")?,
        last: number(&mut values, "last")?,
        page_size: number(&mut values, "page_size")?,
        since_ms: moment(&mut values, "since")?,
        until_ms: moment(&mut values, "until")?,
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        process_id: values.remove("process_id").unwrap_or_default(),
        key_id: values.remove("key_id").unwrap_or_default(),
        function: values.remove("function").unwrap_or_default(),
        request_id: values.remove("request_id").unwrap_or_default(),
        method: values.remove("method").unwrap_or_default(),
        kind: values.remove("kind").unwrap_or_default(),
    })
}

fn number<T: FromStr + Default>(values: &mut HashMap<String, String>, name: &str) -> Result<T, Error> {
    match values.remove(name) {
        None => Ok(T::default()),
        Some(digits) => digits.parse().map_err(|_| Error::field(name, "is a whole number")),
    }
}

fn moment(values: &mut HashMap<String, String>, name: &str) -> Result<i64, Error> {
    match values.remove(name) {
        None => Ok(0),
        Some(words) => match words.parse::<Timestamp>() {
            Ok(moment) => Ok(moment.as_millisecond()),
            Err(_) => Err(Error::field(name, "is a time such as `2026-11-21T12:00:00Z`")),
        },
    }
}

fn event(event: &pb::Event) -> Value {
    json!({
        "position": event.position,
        "time": time(event.time_ms),
        "kind": event.kind,
        "method": text(&event.method),
        "reason": text(&event.reason),
        "key_id": text(&event.key_id),
        "is_proven": event.is_proven,
        "name": text(&event.name),
        "address": text(&event.address),
        "process_id": text(&event.process_id),
        "function": text(&event.function),
        "request_id": text(&event.request_id),
        "subject": text(&event.subject),
        "detail": text(&event.detail),
        "count": event.count,
    })
}
