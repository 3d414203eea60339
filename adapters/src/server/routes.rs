//! Paths, and the handling of a webhook's request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use apiary_daemon::Supervisor;
use apiary_daemon::door::{Calls, HeldBody, call_span, count_refusal};
use apiary_daemon::metrics::MetricsPage;
use apiary_daemon::traces::{self, Part, Span, TraceContext};
use apiary_protocol::pages;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures::FutureExt as _;
use jiff::Timestamp;
use tracing::Instrument as _;

use super::answer::{Taken, TakenEvent, reason, status};
use super::body::{WebhookBodies, connection};
use super::health::{healthz, readyz};
use super::metrics::{SourceMetrics, calls};
use super::refusal_log::RefusalLog;
use super::signatures::SignatureWatch;
use crate::intake::Intake;
use crate::outbox::OutboxState;
use crate::refusal::Refusal;
use crate::{Destination, Event, Receiver};

/// The header that places a request in its sender's trace.
const TRACEPARENT: &str = "traceparent";

/// State shared by all requests.
pub(crate) struct App {
    pub(crate) intake: Intake,
    /// State of the outbox, if one is read.
    pub(crate) outbox: Option<Arc<OutboxState>>,
    pub(crate) bodies: WebhookBodies,
    pub(crate) refusals: RefusalLog,
    /// The adapter's tasks; `/healthz` lists their notices.
    pub(crate) tasks: Supervisor,
}

/// Builds the routes: one for each source of webhooks, and two for the adapter's health.
pub(crate) fn router(app: Arc<App>, receivers: Vec<Receiver>) -> Router {
    let metrics = app.tasks.metrics().clone();
    let page = MetricsPage::new(&metrics).route();
    let mut router =
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", page);
    let mut paths = ["/healthz", "/readyz", "/metrics"].map(str::to_owned).to_vec();
    for receiver in receivers {
        let path = receiver.endpoint.path();
        paths.push(path.clone());
        let watch = SignatureWatch::new(receiver.endpoint.name(), app.tasks.notices().clone());
        let numbers = SourceMetrics::new(metrics.series(), receiver.endpoint.name());
        let receiver = Arc::new((receiver, watch, numbers));
        let receive = move |State(app): State<Arc<App>>, request: Request| async move {
            // A panic here is answered, too, so that the sender repeats the event.
            let (receiver, watch, numbers) = &*receiver;
            let taken = AssertUnwindSafe(take(&app, receiver, watch, request)).catch_unwind().await;
            match taken.unwrap_or(Err(Refusal::NotKept)) {
                Ok(taken) => {
                    taken.events.iter().for_each(|event| numbers.taken(event));
                    taken.into_response()
                }
                Err(refusal) => {
                    numbers.refused(status(&refusal).is_server_error());
                    refuse(&app, refusal)
                }
            }
        };
        router = router.route(&path, post(receive));
    }
    router
        .fallback(move |State(app): State<Arc<App>>, uri: Uri| {
            let advice = pages::advice(uri.path(), paths.iter().map(String::as_str));
            async move { refuse(&app, Refusal::NotFound(advice)) }
        })
        .method_not_allowed_fallback(
            |State(app): State<Arc<App>>| async move { refuse(&app, Refusal::MethodNotAllowed) },
        )
        .with_state(app)
        .layer(Calls::new([]).counted(calls(metrics.series())))
}

/// Reads a request, verifies it and keeps its events.
async fn take(app: &App, receiver: &Receiver, watch: &SignatureWatch, request: Request) -> Result<Taken, Refusal> {
    let begun_ms = app.intake.clock.now_ms();
    let (parts, body) = request.into_parts();
    let HeldBody { blocks, hold: _hold } = app.bodies.read(&parts, body).await?;
    let (now, body) = (app.intake.clock.now(), blocks.join());
    let verified = receiver.endpoint.verify(&parts.headers, &body, now);
    watch.note(&verified);
    let events = verified?;
    if let Some(connection) = connection(&parts) {
        connection.vouch();
    }
    // Only now: what is not signed makes no trace.
    let sender = header(&parts.headers, TRACEPARENT).and_then(TraceContext::parse);
    let span = Span::of_request(Part::Webhook, "receive", sender).since_ms(begun_ms);
    let span = span.with("apiary.source", receiver.endpoint.name());
    let keeping = keep_all(app, receiver, events, &body, now).instrument(call_span());
    // Without a collector here, the sender's trace goes on all the same.
    let kept = traces::within(span.context().or(sender), keeping).await;
    span.end(kept)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Keeps the events of a request. If one cannot be kept, the request fails, and its sender repeats it: those before it
/// are found by their ids then.
async fn keep_all(
    app: &App,
    receiver: &Receiver,
    events: Vec<Event>,
    body: &[u8],
    now: Timestamp,
) -> Result<Taken, Refusal> {
    let is_list = events.len() != 1 || body.trim_ascii_start().starts_with(b"[");
    let mut taken = Vec::with_capacity(events.len());
    for event in events {
        taken.push(keep(&app.intake, receiver, event, body, now).await?);
    }
    Ok(Taken { events: taken, is_list })
}

/// Keeps an event as one process, or several.
async fn keep(
    intake: &Intake,
    receiver: &Receiver,
    event: Event,
    body: &[u8],
    now: Timestamp,
) -> Result<TakenEvent, Refusal> {
    let destination = receiver.routes.find(&event.kind);
    let mut kept = Vec::new();
    match &destination {
        Destination::Routed(targets) => {
            let traceparent = traces::current().map(|context| context.to_string());
            for mut spec in receiver.routes.specs(targets, &event, body, intake.sink.colony(), now) {
                spec.traceparent.clone_from(&traceparent);
                kept.push(intake.keep(&spec).await?);
            }
            for (route, kept) in targets.routes().zip(&kept) {
                let (process_id, existed) = kept.process();
                tracing::info!(event = event.id, kind = event.kind, %route, process_id, existed, "{}", kept.word());
            }
        }
        Destination::Ignored => {
            intake.counters.ignored.add_one();
            tracing::debug!(event = event.id, kind = event.kind, "ignored on purpose");
        }
        Destination::Nowhere => {
            intake.counters.ignored.add_one();
            tracing::info!(event = event.id, kind = event.kind, "ignored: no route for events of this type");
        }
    }
    intake.traffic.count(&receiver.routes, &event.kind, &destination);
    Ok(TakenEvent { event, kept })
}

fn refuse(app: &App, refusal: Refusal) -> Response {
    let counters = &app.intake.counters;
    if status(&refusal).is_server_error() { &counters.unkept } else { &counters.rejected }.add_one();
    count_refusal(reason(&refusal));
    app.refusals.note(&refusal);
    refusal.into_response()
}
