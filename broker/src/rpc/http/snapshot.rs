//! The colony's state over HTTP, signed as the other pages are: once as JSON, or as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use apiary_proto::v1 as pb;
use apiary_proto::v1::broker_service_server::BrokerService as _;
use apiary_protocol::snapshot::{Answers, Snapshot};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tonic::Request;

use super::error_body;
use super::read::{answer, check_parameters, parameters, permit, span_ms};
use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::ColonySnapshot;
use crate::limits::{SNAPSHOT_INTERVAL_MAX, SNAPSHOT_INTERVAL_MIN};
use crate::rpc::{Rpc, colonies, encode, explanations, limits};

/// The parameter that asks for a stream: the time between two snapshots.
const EVERY: &str = "every";
/// The event of a snapshot.
const SNAPSHOT: &str = "snapshot";
/// The last event of a stream, with the reason.
const END: &str = "end";
/// Tells a proxy to hand on each event at once.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// Returns the colony's state; with `every`, again and again.
pub(super) async fn snapshot(State(rpc): State<Arc<Rpc>>, parts: Parts) -> Response {
    let read = async {
        let permit: Permit<action::GetHealth> = permit(&rpc, &parts).await?;
        check_parameters(&parts, &[EVERY])?;
        match interval(&parts)? {
            None => {
                let snapshot = rpc.engine.snapshot(&permit).await?;
                Ok(Json(document(&rpc, snapshot).await).into_response())
            }
            Some(every) => Ok(events(rpc.clone(), rpc.engine.follow_snapshots(permit, every).await?)),
        }
    };
    answer(read.await)
}

fn interval(parts: &Parts) -> Result<Option<Duration>, Error> {
    let Some((_, text)) = parameters(parts).find(|(name, _)| *name == EVERY) else { return Ok(None) };
    let every = Duration::from_millis(u64::try_from(span_ms(EVERY, text)?).unwrap_or_default());
    let (least, most) = (SNAPSHOT_INTERVAL_MIN, SNAPSHOT_INTERVAL_MAX);
    if !(least..=most).contains(&every) {
        return Err(Error::field(EVERY, format!("is `{}s` to `{}s`", least.as_secs(), most.as_secs())));
    }
    Ok(Some(every))
}

/// Returns the answer that streams these snapshots.
fn events(rpc: Arc<Rpc>, snapshots: mpsc::Receiver<Result<ColonySnapshot, Error>>) -> Response {
    // The memory of a snapshot is free again once the client asks for the next one.
    let events = stream::unfold((rpc, snapshots, None), |(rpc, mut snapshots, room)| async move {
        drop(room);
        let (bytes, room) = match snapshots.recv().await? {
            Ok(mut snapshot) => {
                let room = snapshot.room.take();
                (event(SNAPSHOT, &document(&rpc, snapshot).await), room)
            }
            Err(error) => (event(END, &error_body(&error)), None),
        };
        Some((Ok::<_, Infallible>(bytes), (rpc, snapshots, room)))
    });
    ([(CONTENT_TYPE.as_str(), "text/event-stream"), UNBUFFERED], Body::from_stream(events)).into_response()
}

/// Formats a server-sent event. JSON on one line has no line feed, which would end it.
fn event(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

async fn document(rpc: &Rpc, snapshot: ColonySnapshot) -> Snapshot {
    let ColonySnapshot { now_ms, is_ready, colony, counts, health, executors, pauses, limits: all, room: _ } = snapshot;
    let broker = rpc.connect(Request::new(pb::ConnectRequest {})).await.map(tonic::Response::into_inner);
    Snapshot::of(Answers {
        broker: pb::ConnectResponse { time_ms: now_ms, ..broker.unwrap_or_default() },
        ready: is_ready,
        colony: colonies::with_counts(&colony, counts),
        health: explanations::health(health),
        executors: encode::executor_page(executors),
        pauses: pauses.into_iter().map(encode::pause).collect(),
        limits: all.into_iter().map(limits::encode).collect(),
    })
}
