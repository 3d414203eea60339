//! The executor's metrics. `docs/metrics.md` lists them all.

use std::collections::HashMap;
use std::time::Duration;

use apiary_daemon::metrics::{ByLabel, Counter, Gauge, Histogram, SeriesTable};
use bytes::Bytes;

use crate::Failure;
use crate::lease::Rejection;
use crate::outcome::Kind;

/// Numbers of an executor's attempts.
pub(super) struct ExecutorMetrics {
    functions: HashMap<String, FunctionMetrics>,
    verifications: Histogram,
    refused_by_guard: Counter,
    refused: Counter,
    undelivered: Counter,
    causes: ByLabel<Counter>,
    accepts: Gauge,
    /// Works in progress, read at each scrape.
    pub(super) works: Gauge,
}

/// Numbers of one function.
struct FunctionMetrics {
    run: Histogram,
    succeeded: Counter,
    failed: Counter,
    retryable: Counter,
    postponed: Counter,
    cancelled: Counter,
    released: Counter,
    lost: Counter,
}

/// End of an attempt whose handler did not return.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    /// The process was cancelled.
    Cancelled,
    /// The executor stops.
    Released,
    /// The lease was lost.
    Lost,
}

impl ExecutorMetrics {
    /// Creates the metrics of an executor of this type, with so many slots and these functions.
    pub(super) fn new<'f>(
        series: &SeriesTable,
        executor_type: &str,
        slots: usize,
        functions: impl Iterator<Item = &'f String>,
    ) -> Self {
        let label = ("executor_type", executor_type);
        let gauge = |name, help| series.gauge(name, help, &[label]);
        let counter = |name, help| series.counter(name, help, &[label]);
        gauge("apiary_bee_slots", "Works that it runs at the same time at most.").set_count(slots);
        let rejected = |by| {
            let help = "Works that it refused to run, by what was against them: the guard, or the chain of signatures.";
            series.counter("apiary_bee_rejections_total", help, &[label, ("by", by)])
        };
        const CAUSES: &str = "apiary_bee_service_errors_total";
        const CAUSES_HELP: &str =
            "Attempts that failed for a service outside, by cause; `record-` is the state of record.";
        series.announce_counter(CAUSES, CAUSES_HELP, &["executor_type", "cause"]);
        let (registry, of) = (series.clone(), executor_type.to_owned());
        let verifications = "Time of the check of a work's signatures and contents.";
        Self {
            functions: functions
                .map(|name| (name.clone(), FunctionMetrics::new(series, executor_type, name)))
                .collect(),
            verifications: series.histogram("apiary_bee_verification_seconds", verifications, &[label]),
            refused_by_guard: rejected("guard"),
            refused: rejected("chain"),
            undelivered: counter("apiary_bee_undelivered_total", "Results that the broker did not take."),
            causes: ByLabel::new(move |cause| {
                registry.counter(CAUSES, CAUSES_HELP, &[("executor_type", of.as_str()), ("cause", cause)])
            }),
            accepts: gauge("apiary_bee_broker_accepts", "1 while the broker accepts its claims."),
            works: gauge("apiary_bee_works", "Works in progress."),
        }
    }

    /// Counts a check of a lease.
    pub(super) fn verified(&self, time: Duration) {
        self.verifications.add_time(time);
    }

    /// Counts a refusal.
    pub(super) fn rejected(&self, rejection: &Rejection) {
        if rejection.rule().is_some() { &self.refused_by_guard } else { &self.refused }.add_one();
    }

    /// Notes whether the broker accepted a claim.
    pub(super) fn claimed(&self, is_accepted: bool) {
        self.accepts.set_flag(is_accepted);
    }

    /// Counts a result that the broker did not take.
    pub(super) fn undelivered(&self) {
        self.undelivered.add_one();
    }

    /// Counts the time of an attempt.
    pub(super) fn ran(&self, function: &str, time: Duration) {
        if let Some(numbers) = self.functions.get(function) {
            numbers.run.add_time(time);
        }
    }

    /// Counts what a handler returned.
    pub(super) fn returned(&self, function: &str, returned: &Result<Bytes, Failure>) {
        if let Some(cause) = returned.as_ref().err().and_then(Failure::cause) {
            self.causes.of(cause).add_one();
        }
        let Some(numbers) = self.functions.get(function) else { return };
        match returned.as_ref().map_err(Failure::kind) {
            Ok(_) => &numbers.succeeded,
            Err(Kind::Final) => &numbers.failed,
            Err(Kind::Retryable) => &numbers.retryable,
            Err(Kind::Snooze(_) | Kind::Surroundings { .. }) => &numbers.postponed,
        }
        .add_one();
    }

    /// Counts an attempt that was cut off.
    pub(super) fn cut(&self, function: &str, cut: Cut) {
        let Some(numbers) = self.functions.get(function) else { return };
        match cut {
            Cut::Cancelled => &numbers.cancelled,
            Cut::Released => &numbers.released,
            Cut::Lost => &numbers.lost,
        }
        .add_one();
    }
}

impl FunctionMetrics {
    fn new(series: &SeriesTable, executor_type: &str, function: &str) -> Self {
        let labels = [("executor_type", executor_type), ("function", function)];
        let ended = |outcome| {
            let [of_type, of_function] = labels;
            let help = "Attempts that ended, by function and outcome.";
            series.counter("apiary_bee_attempts_total", help, &[of_type, of_function, ("outcome", outcome)])
        };
        Self {
            run: series.histogram(
                "apiary_bee_run_seconds",
                "Time of an attempt, from its check to its report.",
                &labels,
            ),
            succeeded: ended("succeeded"),
            failed: ended("failed_final"),
            retryable: ended("failed_retryable"),
            postponed: ended("postponed"),
            cancelled: ended("cancelled"),
            released: ended("released"),
            lost: ended("lease_lost"),
        }
    }
}
