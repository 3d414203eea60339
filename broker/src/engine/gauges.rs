//! Numbers that are read when somebody scrapes: the depth of the queue, polls, executors.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_daemon::Metrics;
use apiary_daemon::metrics::{Counter, Gauge, Gauges};
use apiary_store::StoreResult;
use apiary_store::model::ProcessState;

use crate::engine::Engine;

/// All states, also those without a process.
const STATES: [ProcessState; 7] = [
    ProcessState::Waiting,
    ProcessState::Blocked,
    ProcessState::Running,
    ProcessState::Succeeded,
    ProcessState::Failed,
    ProcessState::Cancelled,
    ProcessState::DeadLetter,
];

/// The gauges of a broker's queue.
struct QueueGauges {
    processes: [(ProcessState, Gauge); STATES.len()],
    waiting: Depth,
    running: Depth,
    polls: Gauges,
    polls_all: Gauge,
    is_ready: Gauge,
    failures: Counter,
}

/// Number and age of the processes of one state, by executor type.
struct Depth {
    count: Gauges,
    age: Gauges,
}

impl Engine {
    /// Shows the queue in each scrape. A scrape reads counters and the heads of lanes, so that its cost does not grow with the queue.
    pub(crate) fn show_in(self: &Arc<Self>, metrics: &Metrics) {
        let (engine, gauges) = (Arc::downgrade(self), Arc::new(QueueGauges::new(metrics)));
        metrics.before_scrape(move || {
            let (engine, gauges) = (engine.upgrade(), gauges.clone());
            Box::pin(async move {
                let Some(engine) = engine else { return };
                gauges.is_ready.set_flag(engine.unready().await.is_none());
                gauges.show_polls(&engine);
                if let Err(error) = gauges.read(&engine).await {
                    gauges.failures.add_one();
                    tracing::debug!(%error, "the queue was not read for a scrape, which shows its last numbers");
                }
            })
        });
    }
}

impl QueueGauges {
    fn new(metrics: &Metrics) -> Self {
        let series = metrics.series();
        let by_type =
            |name: &'static str, help: &'static str, join: fn(f64, f64) -> f64, state: Option<&'static str>| {
                let registry = series.clone();
                Gauges::new(join, move |executor_type| {
                    let label = ("executor_type", executor_type);
                    match state {
                        Some(state) => registry.gauge(name, help, &[label, ("state", state)]),
                        None => registry.gauge(name, help, &[label]),
                    }
                })
            };
        let depth = |state| {
            const COUNT: &str = "apiary_broker_queue_processes";
            const COUNT_HELP: &str = "Processes by executor type and state, counted up to a bound: thousands in all.";
            const AGE: &str = "apiary_broker_queue_oldest_seconds";
            const AGE_HELP: &str = "Time for which the oldest of them has been in that state.";
            Depth {
                count: by_type(COUNT, COUNT_HELP, |a, b| a + b, Some(state)),
                age: by_type(AGE, AGE_HELP, f64::max, Some(state)),
            }
        };
        let of_state = |state: ProcessState| {
            let help = "Processes of all colonies by state, exact.";
            (state, series.gauge("apiary_broker_processes", help, &[("state", state.as_str())]))
        };
        let polls = "Claims that wait for work at this broker, by executor type.";
        let failures = "Scrapes that could not read the queue, and show its last numbers.";
        Self {
            processes: STATES.map(of_state),
            waiting: depth("waiting"),
            running: depth("running"),
            polls: by_type("apiary_broker_polls_waiting", polls, |a, b| a + b, None),
            polls_all: series.gauge("apiary_broker_polls", "Claims that wait for work at this broker.", &[]),
            is_ready: series.gauge("apiary_broker_ready", "1 while the broker takes and hands out work.", &[]),
            failures: series.counter("apiary_broker_queue_read_failures_total", failures, &[]),
        }
    }

    fn show_polls(&self, engine: &Engine) {
        let polls = engine.dispatcher.waiting_by_type();
        self.polls.replace(polls.iter().map(|(executor_type, count)| (executor_type.as_str(), *count as f64)));
        self.polls_all.set_count(engine.claims_waiting());
    }

    async fn read(&self, engine: &Engine) -> StoreResult<()> {
        let counts: BTreeMap<&str, i64> =
            engine.store.count_states(None).await?.into_iter().map(|(state, count)| (state.as_str(), count)).collect();
        for (state, gauge) in &self.processes {
            gauge.set(counts.get(state.as_str()).copied().unwrap_or(0) as f64);
        }
        let now_ms = engine.clock.now_ms();
        let (waiting, running) = (engine.store.waiting_types(None).await?, engine.store.running_types().await?);
        let waiting = waiting.iter().map(|(_, one)| (one.executor_type.as_str(), one.count, one.since_ms));
        let running = running.iter().map(|one| (one.executor_type.as_str(), one.count, one.since_ms));
        // A type has both series, so that a rule can compare them.
        let none = waiting.clone().chain(running.clone()).map(|(executor_type, ..)| (executor_type, 0, now_ms));
        self.waiting.show(waiting.chain(none.clone()), now_ms);
        self.running.show(running.chain(none), now_ms);
        Ok(())
    }
}

impl Depth {
    fn show<'t>(&self, types: impl Iterator<Item = (&'t str, i64, i64)> + Clone, now_ms: i64) {
        self.count.replace(types.clone().map(|(executor_type, count, _)| (executor_type, count as f64)));
        let age = |since_ms: i64| now_ms.saturating_sub(since_ms).max(0) as f64 / 1000.0;
        self.age.replace(types.map(|(executor_type, _, since_ms)| (executor_type, age(since_ms))));
    }
}
