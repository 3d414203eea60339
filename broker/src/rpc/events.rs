//! `EventService`.

use apiary_proto::v1 as pb;
use apiary_proto::v1::event_service_server::EventService;
use apiary_protocol::EventKind;
use apiary_store::limits::EVENT_NAME_BYTES_MAX;
use apiary_store::model::{EventFilter, EventOrder, EventPage, StoredEvent};
use tonic::{Request, Response, Status};

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode};
use crate::Error;
use crate::engine::EventQuery;
use crate::limits::LOG_TIME_MS_MAX;

#[tonic::async_trait]
impl EventService for Rpc {
    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let caller = caller(&request)?;
        let permit = self.auth.permit(&caller).await.map_err(refused)?;
        let query = query(request.into_inner()).map_err(refused)?;
        let listed = self.engine.list_events(permit, query).await;
        Ok(Response::new(page(self.auth.by_caller(&caller, listed).map_err(refused)?)))
    }
}

/// Decodes which events to list.
pub(super) fn query(request: pb::ListEventsRequest) -> Result<EventQuery, Error> {
    let process_id = (!request.process_id.is_empty()).then(|| decode::process_id(&request.process_id)).transpose()?;
    let key = (!request.key_id.is_empty()).then(|| decode::key_id(&request.key_id)).transpose()?;
    let (order, size) = order(request.after, request.last, request.page_size)?;
    Ok(EventQuery {
        filter: EventFilter {
            process_id,
            key,
            function: name("function", request.function)?,
            request_id: name("request_id", request.request_id)?,
            method: name("method", request.method)?,
            kinds: kinds(&request.kind)?,
            since_ms: time("since_ms", request.since_ms)?,
            until_ms: time("until_ms", request.until_ms)?,
        },
        order,
        size,
        wait: decode::wait(request.wait_ms)?,
    })
}

fn order(after: i64, last: i32, page_size: i32) -> Result<(EventOrder, i64), Error> {
    match (after, last) {
        (after, 0) if after >= 0 => Ok((EventOrder::After(after), decode::page_size(page_size)?)),
        (0, last) => Ok((EventOrder::Last, decode::rows_max("last", last)?)),
        (after, 0) => Err(Error::field("after", format!("is 0, or `next` of the answer before; got {after}"))),
        _ => Err(Error::field("last", "and `after` exclude each other: send one")),
    }
}

fn kinds(word: &str) -> Result<Vec<EventKind>, Error> {
    let kinds: Vec<EventKind> =
        EventKind::ALL.into_iter().filter(|kind| kind.as_str() == word || kind.noun() == word).collect();
    if kinds.is_empty() && !word.is_empty() {
        return Err(Error::field(
            "kind",
            "is no kind of event: send one such as `grant.added`, or a noun such as `grant` or `refused`",
        ));
    }
    Ok(kinds)
}

fn name(field: &'static str, name: String) -> Result<Option<String>, Error> {
    if name.len() > EVENT_NAME_BYTES_MAX || name.contains('\0') {
        return Err(Error::field(field, format!("has at most {EVENT_NAME_BYTES_MAX} bytes and no NUL")));
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn time(field: &'static str, ms: i64) -> Result<Option<i64>, Error> {
    match ms {
        0 => Ok(None),
        ms if (0..=LOG_TIME_MS_MAX).contains(&ms) => Ok(Some(ms)),
        ms => Err(Error::field(field, format!("is 0 to {LOG_TIME_MS_MAX}; got {ms}"))),
    }
}

/// Encodes a page of events.
pub(super) fn page(page: EventPage) -> pb::ListEventsResponse {
    pb::ListEventsResponse {
        events: page.events.into_iter().map(event).collect(),
        next: page.next,
        is_more: page.is_more,
    }
}

fn event(stored: StoredEvent) -> pb::Event {
    let StoredEvent { position, event } = stored;
    pb::Event {
        position,
        time_ms: event.time_ms,
        kind: event.kind,
        method: event.method,
        reason: event.reason,
        key_id: event.key.map(|key| key.to_string()).unwrap_or_default(),
        is_proven: event.is_proven,
        name: event.name,
        address: event.address,
        process_id: event.process_id.map(|id| id.to_string()).unwrap_or_default(),
        function: event.function,
        request_id: event.request_id,
        subject: event.subject,
        detail: event.detail,
        count: event.count,
    }
}
