//! The adapter's metrics. `docs/metrics.md` lists them all.

use std::future::ready;
use std::sync::{Arc, Weak};

use apiary_daemon::Metrics;
use apiary_daemon::door::{CallMetrics, CallNames, Door};
use apiary_daemon::metrics::{Counter, Gauge, SeriesTable};

use super::answer::TakenEvent;
use super::routes::App;
use crate::BrokerState;
use crate::intake::Kept;

/// Reasons for refusals that every sender can cause, so that a scrape shows them from the start.
const REASONS: [&str; 5] = ["SIGNATURE_MISSING", "SIGNATURE_INVALID", "SIGNATURE_STALE", "SPOOL_FULL", "UNAVAILABLE"];

/// Returns the numbers of requests.
pub(super) fn calls(series: &SeriesTable) -> CallMetrics {
    let names = CallNames {
        calls: "apiary_webhook_requests_total",
        seconds: "apiary_webhook_request_seconds",
        bytes: "apiary_webhook_answer_bytes_total",
        refusals: "apiary_webhook_refusals_total",
    };
    CallMetrics::new(series, names, REASONS)
}

/// Numbers of the events of one source.
pub(super) struct SourceMetrics {
    submitted: Counter,
    duplicate: Counter,
    spooled: Counter,
    ignored: Counter,
    rejected: Counter,
    unkept: Counter,
}

impl SourceMetrics {
    pub(super) fn new(series: &SeriesTable, source: &str) -> Self {
        let outcome = |outcome| {
            let help = "Events by source and outcome; of a refused request, one.";
            series.counter("apiary_webhook_events_total", help, &[("source", source), ("outcome", outcome)])
        };
        Self {
            submitted: outcome("submitted"),
            duplicate: outcome("duplicate"),
            spooled: outcome("spooled"),
            ignored: outcome("ignored"),
            rejected: outcome("rejected"),
            unkept: outcome("unkept"),
        }
    }

    /// Counts an event by the first of its processes.
    pub(super) fn taken(&self, event: &TakenEvent) {
        match event.kept.first() {
            None => &self.ignored,
            Some(Kept::Spooled) => &self.spooled,
            Some(Kept::Submitted(submitted)) if submitted.existed => &self.duplicate,
            Some(Kept::Submitted(_)) => &self.submitted,
        }
        .add_one();
    }

    /// Counts a refused request: its sender repeats it if the fault is not the sender's.
    pub(super) fn refused(&self, is_to_repeat: bool) {
        if is_to_repeat { &self.unkept } else { &self.rejected }.add_one();
    }
}

/// Numbers that a scrape reads from a running adapter.
struct AdapterGauges {
    app: Weak<App>,
    door: Weak<Door>,
    connections: Gauge,
    request_bytes: Gauge,
    is_broker_reachable: Gauge,
    forwarded: Counter,
    set_aside: Counter,
    redriven: Counter,
    spool_events: Gauge,
    spool_bytes: Gauge,
    spool_age: Gauge,
    spool_set_aside: Gauge,
    is_spool_full: Gauge,
    outbox: Option<OutboxGauges>,
}

struct OutboxGauges {
    is_readable: Gauge,
    waiting: Gauge,
    refused: Gauge,
    retrying: Gauge,
    age: Gauge,
    submitted: Counter,
}

/// Shows the adapter in each scrape.
pub(crate) fn show(app: &Arc<App>, door: &Arc<Door>, metrics: &Metrics) {
    let gauges = AdapterGauges::new(metrics.series(), app, door);
    metrics.before_scrape(move || {
        gauges.refresh();
        Box::pin(ready(()))
    });
}

impl AdapterGauges {
    fn new(series: &SeriesTable, app: &Arc<App>, door: &Arc<Door>) -> Self {
        let gauge = |name, help| series.gauge(name, help, &[]);
        let counter = |name, help| series.counter(name, help, &[]);
        Self {
            app: Arc::downgrade(app),
            door: Arc::downgrade(door),
            connections: gauge("apiary_webhook_connections", "Open connections."),
            request_bytes: gauge("apiary_webhook_request_bytes", "Bytes of requests that are in memory."),
            is_broker_reachable: gauge(
                "apiary_webhook_broker_reachable",
                "1 if the last submit reached a broker that takes work, or none was made yet.",
            ),
            forwarded: counter("apiary_webhook_forwarded_total", "Events forwarded from the spool to the broker."),
            set_aside: counter(
                "apiary_webhook_set_aside_total",
                "Events that the broker rejected and the spool keeps; a repeated rejection counts again.",
            ),
            redriven: counter("apiary_webhook_redriven_total", "Failed events that their senders sent again."),
            spool_events: gauge("apiary_webhook_spool_events", "Events that wait in the spool."),
            spool_bytes: gauge("apiary_webhook_spool_bytes", "Bytes of the events in the spool."),
            spool_age: gauge("apiary_webhook_spool_oldest_seconds", "Age of the oldest event that waits in the spool."),
            spool_set_aside: gauge(
                "apiary_webhook_spool_set_aside_events",
                "Events in the spool that the broker rejects.",
            ),
            is_spool_full: gauge("apiary_webhook_spool_full", "1 while the spool takes no more events."),
            outbox: app.outbox.is_some().then(|| OutboxGauges::new(series)),
        }
    }

    fn refresh(&self) {
        let Some(app) = self.app.upgrade() else { return };
        self.connections.set_count(self.door.upgrade().map_or(0, |door| door.connections()));
        self.request_bytes.set_count(app.bodies.bytes());
        let state = app.intake.contact.state();
        self.is_broker_reachable.set_flag(matches!(state, BrokerState::Unknown | BrokerState::Reachable));
        let counts = app.intake.counters.snapshot();
        self.forwarded.raise_to(counts.forwarded);
        self.set_aside.raise_to(counts.set_aside);
        self.redriven.raise_to(counts.redriven);
        let (totals, now_ms) = (app.intake.spool.totals(), app.intake.clock.now_ms());
        self.spool_events.set(totals.waiting_events as f64);
        self.spool_bytes.set(totals.waiting_bytes as f64);
        self.spool_age.set(totals.oldest_ms.map_or(0.0, |since_ms| seconds(now_ms.saturating_sub(since_ms))));
        self.spool_set_aside.set(totals.set_aside_events as f64);
        self.is_spool_full.set_flag(totals.is_full || totals.lacks_reserve);
        if let (Some(gauges), Some(outbox)) = (&self.outbox, &app.outbox) {
            gauges.refresh(&outbox.report());
        }
    }
}

impl OutboxGauges {
    fn new(series: &SeriesTable) -> Self {
        let rows = |state| {
            let help = "Rows of the outbox that are no processes yet, by state.";
            series.gauge("apiary_webhook_outbox_rows", help, &[("state", state)])
        };
        let gauge = |name, help| series.gauge(name, help, &[]);
        let submitted = "Rows of the outbox that became processes.";
        Self {
            is_readable: gauge("apiary_webhook_outbox_readable", "1 while the outbox can be read."),
            waiting: rows("waiting"),
            refused: rows("refused"),
            retrying: rows("retrying"),
            age: gauge("apiary_webhook_outbox_oldest_seconds", "Age of the oldest row that waits in the outbox."),
            submitted: series.counter("apiary_webhook_outbox_submitted_total", submitted, &[]),
        }
    }

    fn refresh(&self, report: &crate::OutboxReport) {
        // Not read yet is no fault.
        self.is_readable.set_flag(report.readable != Some(false));
        self.waiting.set(report.waiting as f64);
        self.refused.set(report.refused as f64);
        self.retrying.set(report.retrying as f64);
        self.age.set(report.oldest_age_ms.map_or(0.0, seconds));
        self.submitted.raise_to(report.submitted);
    }
}

fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}
