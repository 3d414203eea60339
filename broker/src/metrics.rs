//! The broker's metrics. `docs/metrics.md` lists them all; names and labels are the same there and here.

use std::time::Duration;

use apiary_daemon::door::{CallMetrics, CallNames};
use apiary_daemon::metrics::{ByLabel, Counter, Histogram, SeriesTable};
use apiary_protocol::Reason;
use apiary_store::model::{AttemptEnding, Failure, LeaseRecord, ProcessState};

/// Numbers of processes and attempts, by executor type, and of checked signatures.
pub(crate) struct BrokerMetrics {
    types: ByLabel<TypeMetrics>,
    verifications: Histogram,
}

/// Numbers of one executor type.
pub(crate) struct TypeMetrics {
    submitted: Counter,
    /// From the moment at which a process could run to its lease.
    wait: Histogram,
    /// From the lease to the end of the attempt.
    run: Histogram,
    succeeded: Counter,
    failed: Counter,
    refused: Counter,
    cancelled: Counter,
    released: Counter,
    lost: Counter,
    too_long: Counter,
    retries: Counter,
    dead_letters: Counter,
    expired: Counter,
}

impl BrokerMetrics {
    pub(crate) fn new(series: &SeriesTable) -> Self {
        let verifications = "Time of the check of a document's signature.";
        let registry = series.clone();
        Self {
            types: ByLabel::new(move |executor_type| TypeMetrics::new(&registry, executor_type)),
            verifications: series.histogram("apiary_broker_verification_seconds", verifications, &[]),
        }
    }

    /// Returns the numbers of an executor type.
    pub(crate) fn of(&self, executor_type: &str) -> &TypeMetrics {
        self.types.of(executor_type)
    }

    /// Counts a checked signature.
    pub(crate) fn verified(&self, time: Duration) {
        self.verifications.add_time(time);
    }

    /// Counts the end of an attempt that did not succeed.
    pub(crate) fn failed(&self, lease: &LeaseRecord, failure: &Failure, is_cancelled: bool, now_ms: i64) {
        let numbers = self.of(&lease.lane.executor_type);
        numbers.run.add_span_ms(lease.claimed_at_ms, now_ms);
        if is_cancelled {
            return numbers.cancelled.add_one();
        }
        match failure.ending {
            AttemptEnding::Refused => numbers.refused.add_one(),
            AttemptEnding::Cancelled => numbers.cancelled.add_one(),
            AttemptEnding::LeaseLost => numbers.lost.add_one(),
            AttemptEnding::ExecTimeExceeded => numbers.too_long.add_one(),
            _ => numbers.failed.add_one(),
        }
        match failure.next {
            ProcessState::Waiting | ProcessState::Blocked => numbers.retries.add_one(),
            ProcessState::DeadLetter => numbers.dead_letters.add_one(),
            _ => {}
        }
    }
}

impl TypeMetrics {
    fn new(series: &SeriesTable, executor_type: &str) -> Self {
        let label = ("executor_type", executor_type);
        let counter = |name, help| series.counter(name, help, &[label]);
        let seconds = |name, help| series.histogram(name, help, &[label]);
        let ended = |outcome| {
            let help = "Attempts that ended, by executor type and outcome.";
            series.counter("apiary_broker_attempts_total", help, &[label, ("outcome", outcome)])
        };
        Self {
            submitted: counter("apiary_broker_submits_total", "New processes."),
            wait: seconds(
                "apiary_broker_wait_seconds",
                "Time from the moment at which a process could run to its lease, of each attempt.",
            ),
            run: seconds("apiary_broker_run_seconds", "Time from a lease to the end of its attempt."),
            succeeded: ended("succeeded"),
            failed: ended("failed"),
            refused: ended("refused"),
            cancelled: ended("cancelled"),
            released: ended("released"),
            lost: ended("lease_lost"),
            too_long: ended("exec_time_exceeded"),
            retries: counter("apiary_broker_retries_total", "Attempts after which another one follows."),
            dead_letters: counter("apiary_broker_dead_letters_total", "Processes that became dead letters."),
            expired: counter(
                "apiary_broker_wait_expired_total",
                "Processes that failed because nobody claimed them within `max_wait`.",
            ),
        }
    }

    /// Counts a new process.
    pub(crate) fn submitted(&self) {
        self.submitted.add_one();
    }

    /// Counts a lease.
    pub(crate) fn leased(&self, waiting_since_ms: Option<i64>, claimed_at_ms: i64) {
        if let Some(since_ms) = waiting_since_ms {
            self.wait.add_span_ms(since_ms, claimed_at_ms);
        }
    }

    /// Counts a success, or an attempt whose process was cancelled meanwhile.
    pub(crate) fn completed(&self, claimed_at_ms: i64, is_cancelled: bool, now_ms: i64) {
        self.run.add_span_ms(claimed_at_ms, now_ms);
        if is_cancelled { &self.cancelled } else { &self.succeeded }.add_one();
    }

    /// Counts work that was given back.
    pub(crate) fn released(&self, claimed_at_ms: i64, now_ms: i64) {
        self.run.add_span_ms(claimed_at_ms, now_ms);
        self.released.add_one();
    }

    /// Counts a process that waited too long.
    pub(crate) fn expired(&self) {
        self.expired.add_one();
    }
}

/// Numbers of the group commits of one writer.
pub(crate) struct FlushMetrics {
    seconds: Histogram,
    items: Histogram,
    failures: Counter,
}

impl FlushMetrics {
    pub(crate) fn new(series: &SeriesTable, writer: &'static str) -> Self {
        let label = [("writer", writer)];
        Self {
            seconds: series.histogram("apiary_broker_flush_seconds", "Time of a group commit, by writer.", &label),
            items: series.histogram("apiary_broker_flush_items", "Writes of a group commit, by writer.", &label),
            failures: series.counter("apiary_broker_flush_failures_total", "Group commits that failed.", &label),
        }
    }

    pub(crate) fn flushed(&self, items: usize, time: Duration, is_ok: bool) {
        self.seconds.add_time(time);
        self.items.add(items as f64);
        if !is_ok {
            self.failures.add_one();
        }
    }
}

/// Returns the numbers of calls.
pub(crate) fn calls(series: &SeriesTable) -> CallMetrics {
    let names = CallNames {
        calls: "apiary_broker_calls_total",
        seconds: "apiary_broker_call_seconds",
        bytes: "apiary_broker_answer_bytes_total",
        refusals: "apiary_broker_refusals_total",
    };
    CallMetrics::new(series, names, Reason::ALL.iter().map(Reason::as_str))
}
