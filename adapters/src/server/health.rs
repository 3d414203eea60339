//! Health of the adapter, for probes and people. Numbers and reasons only: these pages may be public.

use std::sync::Arc;

use apiary_daemon::Notice;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::routes::App;
use crate::contact::{BROKER_AWAY, BROKER_REFUSES, remedy};
use crate::limits::HEALTH_TYPES_MAX;
use crate::server::SIGNATURES_REFUSED;
use crate::{BrokerState, TrafficReport, TypeTraffic};

/// Returns the adapter's health. Answers 200 also while degraded, because a restart would not help.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Json<Value> {
    let can_write = app.intake.spool.can_write().await;
    let (totals, broker) = (app.intake.spool.totals(), app.intake.contact.state());
    let (reachable, reason) = match &broker {
        BrokerState::Unknown => (None, None),
        BrokerState::Reachable => (Some(true), None),
        BrokerState::Away => (Some(false), None),
        // The notice has the cause. The broker rejects nobody, so there is no reason to show.
        BrokerState::Unready { .. } => (Some(true), None),
        BrokerState::Refusing { reason } => (Some(true), Some(reason)),
    };
    let notices = app.tasks.notices().list();
    let is_well = matches!(broker, BrokerState::Unknown | BrokerState::Reachable)
        && totals.set_aside_events == 0
        && can_write
        && !totals.is_full
        && !totals.lacks_reserve
        && notices.is_empty();
    let now_ms = app.intake.clock.now_ms();
    let age_ms = |since_ms: Option<i64>| since_ms.map(|since_ms| now_ms.saturating_sub(since_ms).max(0));
    Json(json!({
        "status": if is_well { "ok" } else { "degraded" },
        "broker_reachable": reachable,
        "broker_refuses": reason,
        "spool": {
            "events": totals.waiting_events,
            "bytes": totals.waiting_bytes,
            "oldest_age_ms": age_ms(totals.oldest_ms),
            "set_aside": totals.set_aside_events,
            "set_aside_oldest_age_ms": age_ms(totals.set_aside_oldest_ms),
            "full": totals.is_full || totals.lacks_reserve,
            "failing": !can_write,
        },
        "outbox": app.outbox.as_ref().map(|outbox| outbox.report()),
        "notices": notices.iter().map(of_notice).collect::<Vec<_>>(),
        "counts": app.intake.counters.snapshot(),
        "without_route": without_route(&app.intake.traffic.report()),
    }))
}

/// Lists the types that went nowhere, the last ones first. A type is a word of a sender that signs.
fn without_route(report: &TrafficReport) -> Vec<Value> {
    let types = report.sources.iter().flat_map(|(source, types)| types.iter().map(move |of_type| (source, of_type)));
    let mut found: Vec<_> =
        types.filter_map(|(source, (kind, of_type))| Some((of_type.nowhere_last_ms?, source, kind, of_type))).collect();
    found.sort_by_key(|(last_ms, ..)| std::cmp::Reverse(*last_ms));
    let shown = found.into_iter().take(HEALTH_TYPES_MAX);
    let row = |(last_ms, source, kind, of_type): (i64, &String, &String, &TypeTraffic)| {
        let events = of_type.nowhere;
        json!({ "source": source, "type": kind, "events": events, "last_ms": last_ms })
    };
    shown.map(row).collect()
}

/// Converts a notice. Omits its text, and every subject but the broker's reason and a source's name: these may name
/// events, files and hosts, and the log has them.
fn of_notice(notice: &Notice) -> Value {
    let Notice { kind, subject, count, since_ms, last_ms, .. } = notice;
    let cause = match *kind {
        BROKER_AWAY if subject.is_empty() => Some("UNREACHABLE"),
        BROKER_AWAY | BROKER_REFUSES | SIGNATURES_REFUSED => Some(subject.as_str()),
        _ => None,
    };
    let remedy = remedy(kind, subject);
    json!({
        "kind": kind, "cause": cause, "remedy": remedy, "count": count, "since_ms": since_ms, "last_ms": last_ms,
    })
}

/// Returns 200 if an event that arrives now can be stored.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let can_write = app.intake.spool.can_write().await;
    let ready = can_write && !app.intake.spool.totals().is_full && app.tasks.is_up();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready }))).into_response()
}
