//! Routes, and the handling of a webhook's request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use apiary_daemon::Supervisor;
use apiary_daemon::door::{Calls, HeldBody, call_span};
use apiary_executor_sdk::SubmitResult;
use apiary_protocol::pages;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures::FutureExt as _;
use http::request::Parts;
use tracing::Instrument as _;

use super::answer::{Taken, status};
use super::body::{WebhookBodies, connection};
use super::health::{healthz, readyz};
use super::refusal_log::RefusalLog;
use crate::intake::{Intake, Kept};
use crate::refusal::Refusal;
use crate::source::{Endpoint, webhook_path};

/// State shared by all requests.
pub(crate) struct App {
    pub(crate) intake: Intake,
    pub(crate) bodies: WebhookBodies,
    pub(crate) refusals: RefusalLog,
    /// The adapter's tasks; `/healthz` lists their notices.
    pub(crate) tasks: Supervisor,
}

/// Builds the routes: one for each source of webhooks, and two for the adapter's health.
pub(crate) fn router(app: Arc<App>, endpoints: Vec<Arc<dyn Endpoint>>) -> Router {
    let mut router = Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz));
    let mut paths = vec!["/healthz".to_owned(), "/readyz".to_owned()];
    for endpoint in endpoints {
        let path = webhook_path(endpoint.name());
        paths.push(path.clone());
        let receive = move |State(app): State<Arc<App>>, request: Request| async move {
            // A panic here is answered, too, so that the sender repeats the event.
            match AssertUnwindSafe(take(&app, &*endpoint, request)).catch_unwind().await {
                Ok(Ok(taken)) => taken.into_response(),
                Ok(Err(refusal)) => refuse(&app, refusal),
                Err(_) => refuse(&app, Refusal::NotKept),
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
        .layer(Calls::new([]))
}

/// Reads, verifies and keeps an event.
async fn take(app: &App, endpoint: &dyn Endpoint, request: Request) -> Result<Taken, Refusal> {
    let (parts, body) = request.into_parts();
    let HeldBody { blocks, hold: _hold } = app.bodies.read(&parts, body).await?;
    keep(app, endpoint, &parts, &blocks.join()).instrument(call_span()).await
}

/// Verifies and keeps an event.
async fn keep(app: &App, endpoint: &dyn Endpoint, parts: &Parts, body: &[u8]) -> Result<Taken, Refusal> {
    let intake = &app.intake;
    let now = intake.clock.now();
    let event = endpoint.verify(&parts.headers, body, now)?;
    if let Some(connection) = connection(parts) {
        connection.vouch();
    }
    let Some(route) = endpoint.route(&event) else {
        intake.counters.ignored.add_one();
        tracing::info!(event = event.id, kind = event.kind, "ignored: no bee handles events of this type");
        return Ok(Taken { event, kept: None });
    };
    let spec = route.spec(endpoint.name(), &event, body, intake.sink.colony(), now);
    let kept = intake.keep(&spec).await?;
    match kept {
        Kept::Submitted(SubmitResult { process_id, existed, .. }) => {
            tracing::info!(event = event.id, kind = event.kind, %process_id, existed, "submitted");
        }
        Kept::Spooled => tracing::info!(event = event.id, kind = event.kind, "spooled"),
    }
    Ok(Taken { event, kept: Some(kept) })
}

fn refuse(app: &App, refusal: Refusal) -> Response {
    let counters = &app.intake.counters;
    if status(&refusal).is_server_error() { &counters.unkept } else { &counters.rejected }.add_one();
    app.refusals.note(&refusal);
    refusal.into_response()
}
