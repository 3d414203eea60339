//! Numbers of calls: how many, how long, how many bytes, and why they were refused.

use std::time::Duration;

use crate::metrics::{ByLabel, Counter, Histogram, SeriesTable};

/// Statuses of one method: the codes of gRPC, and the classes of HTTP's.
const STATUSES_MAX: usize = 24;
const CALLS: &str = "Calls that ended, by method and status.";

/// Names of a door's metrics, each with what it is.
pub struct CallNames {
    /// Calls that ended, by `method` and `status`.
    pub calls: &'static str,
    /// Times of calls, by `method`.
    pub seconds: &'static str,
    /// Bytes of answers.
    pub bytes: &'static str,
    /// Refusals, by `reason`.
    pub refusals: &'static str,
}

/// Numbers of the calls of a door.
pub struct CallMetrics {
    methods: ByLabel<Method>,
    bytes: Counter,
    refusals: ByLabel<Counter>,
}

struct Method {
    seconds: Histogram,
    statuses: ByLabel<Counter>,
}

impl CallMetrics {
    /// Creates the metrics. The reasons are all that refusals have, so that a scrape shows each.
    pub fn new<'r>(series: &SeriesTable, names: CallNames, reasons: impl IntoIterator<Item = &'r str>) -> Self {
        let CallNames { calls, seconds, bytes, refusals } = names;
        series.announce_counter(calls, CALLS, &["method", "status"]);
        let registry = series.clone();
        let methods = ByLabel::new(move |method| {
            let (counters, of) = (registry.clone(), method.to_owned());
            let statuses =
                move |status: &str| counters.counter(calls, CALLS, &[("method", of.as_str()), ("status", status)]);
            Method {
                seconds: registry.histogram(
                    seconds,
                    "Time from a call's head to its end, by method.",
                    &[("method", method)],
                ),
                statuses: ByLabel::sized(STATUSES_MAX, statuses),
            }
        });
        let registry = series.clone();
        let refused = ByLabel::new(move |reason| {
            registry.counter(
                refusals,
                "Refusals by reason, each document of a batch for itself.",
                &[("reason", reason)],
            )
        });
        reasons.into_iter().for_each(|reason| _ = refused.of(reason));
        Self { methods, bytes: series.counter(bytes, "Bytes of answers.", &[]), refusals: refused }
    }

    pub(super) fn ended(&self, method: &str, status: &'static str, time: Duration, bytes: u64) {
        let method = self.methods.of(method);
        method.seconds.add_time(time);
        method.statuses.of(status).add_one();
        self.bytes.add(bytes);
    }

    pub(super) fn refused(&self, reason: &str) {
        self.refusals.of(reason).add_one();
    }
}
