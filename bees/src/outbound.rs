//! Calls to services outside: retried for a bounded time, behind a circuit breaker.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use crate::breaker::{Breaker, Held};

/// Meaning of a failed call for the service and for retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A final answer: the service rejects this call. The error is returned at once.
    Final,
    /// Contention with another caller: retried at once.
    Busy,
    /// No answer, or a temporary fault of the service: counts towards opening the breaker, and is retried.
    Down,
    /// A fault that lasts until somebody repairs it: counts towards opening the breaker, and is returned at once.
    Shut,
}

/// An error of a call to an external service.
pub trait CallError: Clone + std::fmt::Display {
    /// Returns the meaning for the service and for retries.
    fn severity(&self) -> Severity;
    /// Returns the wait that the service asks for (`Retry-After`), a lower bound.
    fn retry_after(&self) -> Option<Duration>;
    /// Returns the error for a call that was not made, because the service, when it gave this error, asked for a wait that
    /// has so long to go.
    #[must_use]
    fn not_asked(self, wait: Duration) -> Self;
}

/// Returns the words of [`CallError::not_asked`] for an error with these words.
pub(crate) fn not_asked_words(wait: Duration, what: &str) -> String {
    format!("not asked again for {} s, as long as its last answer says: {what}", wait.as_secs())
}

/// Limits of the retries before an error is returned.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Attempts after the first.
    pub retries_max: usize,
    /// Wait before the first retry; doubled each time.
    pub first_wait: Duration,
    /// Time from the first attempt after which no other begins, whatever it would wait for: its turn, `Retry-After` or
    /// an open breaker. The error is returned, and the broker schedules the retry.
    pub wait_max: Duration,
}

impl Default for Retries {
    /// Retries for 10 seconds, after 0.5, 1, 2 and 4 seconds.
    fn default() -> Self {
        Self { retries_max: 8, first_wait: Duration::from_millis(500), wait_max: Duration::from_secs(10) }
    }
}

/// Calls to one service.
pub struct Outbound<E> {
    breaker: Breaker,
    retries: Retries,
    /// The failure that the breaker counted last: returned by calls that waited for the same trial, or that the service's
    /// `Retry-After` keeps from asking.
    last: Mutex<Option<E>>,
}

impl<E: CallError> Outbound<E> {
    /// Creates a caller with its own breaker.
    pub fn new(retries: Retries) -> Self {
        Self { breaker: Breaker::default(), retries, last: Mutex::default() }
    }

    /// Makes a call, which must be safe to repeat.
    ///
    /// # Errors
    ///
    /// The last attempt's error, or that of a trial that others waited for, too. It is as old as the answer of the service,
    /// unless the service asks for a wait: then it says so.
    pub async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + self.retries.wait_max;
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.retries.first_wait)
            .with_max_delay(self.retries.wait_max)
            .with_max_times(self.retries.retries_max)
            .build();
        loop {
            let error = match self.attempt(&call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error.severity(), Severity::Final | Severity::Shut) {
                return Err(error);
            }
            let Some(planned) = waits.next() else { return Err(error) };
            let wait = planned.max(error.retry_after().unwrap_or_default());
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, wait_ms = wait.as_millis(), "a call failed; trying again");
            sleep(wait).await;
        }
    }

    async fn attempt<T, F>(&self, call: &impl Fn() -> F, deadline: Instant) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let pass = match self.breaker.admit(deadline).await {
            Ok(pass) => pass,
            Err(held) => match (self.last(), held) {
                (Some(last), Held::TrialFailed) => return Err(last),
                (Some(last), Held::Asked(wait)) => return Err(last.not_asked(wait)),
                // No failure has been counted, so the breaker is closed.
                (None, _) => return call().await,
            },
        };
        let answer = call().await;
        match &answer {
            Err(error) if matches!(error.severity(), Severity::Down | Severity::Shut) => {
                *self.lock() = Some(error.clone());
                pass.failed(error.retry_after());
            }
            _ => pass.succeeded(),
        }
        answer
    }

    fn last(&self) -> Option<E> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<E>> {
        // No code that can panic runs under the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;

    use super::*;

    #[derive(Clone, Debug, PartialEq, thiserror::Error)]
    #[error("{severity:?}")]
    struct TestError {
        severity: Severity,
        retry_after: Option<Duration>,
    }

    impl CallError for TestError {
        fn severity(&self) -> Severity {
            self.severity
        }
        fn retry_after(&self) -> Option<Duration> {
            self.retry_after
        }
        fn not_asked(self, wait: Duration) -> Self {
            Self { retry_after: Some(wait), ..self }
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    fn error(severity: Severity) -> TestError {
        TestError { severity, retry_after: None }
    }

    /// Calls a service that always fails like this: how often it was called, for how long, and the end.
    async fn always(outbound: &Outbound<TestError>, error: TestError) -> (u32, Duration, TestError) {
        let calls = AtomicU32::new(0);
        let start = Instant::now();
        let answer: Result<(), TestError> = outbound
            .call(|| async {
                calls.fetch_add(1, Ordering::SeqCst);
                Err(error.clone())
            })
            .await;
        (calls.into_inner(), start.elapsed(), answer.unwrap_err())
    }

    /// Events that come at once to a service that fails like this for so long: when the last of them was taken.
    async fn outage(events: usize, lasts: Duration, error: TestError) -> Duration {
        let (outbound, start) = (Arc::new(Outbound::new(Retries::default())), Instant::now());
        let mut calls = JoinSet::new();
        for _ in 0..events {
            let (outbound, error) = (Arc::clone(&outbound), error.clone());
            calls.spawn(async move {
                let is_over = || async { if start.elapsed() >= lasts { Ok(()) } else { Err(error.clone()) } };
                outbound.call(is_over).await
            });
        }
        for answer in calls.join_all().await {
            answer.unwrap();
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_two_seconds_costs_at_most_twice_as_long_for_all_concurrent_events() {
        for events in [1, 4, 5, 8, 100] {
            let took = outage(events, Duration::from_secs(2), error(Severity::Down)).await;
            assert!(took <= Duration::from_secs(4), "{events} events took {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_four_seconds_costs_at_most_eight() {
        let took = outage(8, Duration::from_secs(4), error(Severity::Down)).await;
        assert!(took <= Duration::from_secs(8), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_not_gone_below_and_adds_nothing() {
        let asks = |seconds| TestError { severity: Severity::Down, retry_after: Some(Duration::from_secs(seconds)) };
        let took = outage(8, Duration::from_secs(2), asks(3)).await;
        assert!((3..4).contains(&took.as_secs()), "{took:?}");
        let took = outage(8, Duration::from_secs(2), asks(0)).await;
        assert!(took <= Duration::from_secs(4), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_stays_down_is_left_to_the_broker_after_ten_seconds() {
        let (calls, took, _) = always(&Outbound::new(Retries::default()), error(Severity::Down)).await;
        assert!(calls >= 4 && took <= PATIENCE, "{calls} calls in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_answer_is_not_tried_again() {
        let (calls, took, _) = always(&Outbound::new(Retries::default()), error(Severity::Final)).await;
        assert_eq!((calls, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_retry_after_is_handed_on_at_once() {
        let asked = Some(Duration::from_secs(3600));
        let failure = TestError { severity: Severity::Down, retry_after: asked };
        let (calls, took, error) = always(&Outbound::new(Retries::default()), failure).await;
        assert_eq!((calls, took), (1, Duration::ZERO));
        assert_eq!(error.retry_after, asked);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_repair_no_attempt_reports_the_old_error() {
        let outbound = Arc::new(Outbound::new(Retries::default()));
        for _ in 0..30 {
            always(&outbound, error(Severity::Shut)).await;
        }
        let mut calls = JoinSet::new();
        let start = Instant::now();
        for _ in 0..7 {
            let outbound = Arc::clone(&outbound);
            calls.spawn(async move { outbound.call(|| async { Ok::<_, TestError>(()) }).await });
        }
        for answer in calls.join_all().await {
            answer.unwrap();
        }
        assert!(start.elapsed() <= crate::breaker::OPEN_MOST + Duration::from_millis(2), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn every_attempt_asks_before_it_gives_up() {
        let quick = Retries { wait_max: Duration::from_millis(100), ..Retries::default() };
        let outbound = Outbound::new(quick);
        for _ in 0..30 {
            let (calls, took, _) = always(&outbound, error(Severity::Shut)).await;
            assert!(calls == 1 && took <= Duration::from_millis(102), "{calls} calls in {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_the_service_asks_for_is_kept_and_told() {
        let outbound = Outbound::new(Retries::default());
        let asks = TestError { severity: Severity::Down, retry_after: Some(Duration::from_secs(90)) };
        for _ in 0..FAILURES {
            always(&outbound, asks.clone()).await;
        }
        let (calls, took, error) = always(&outbound, asks).await;
        assert_eq!((calls, took, error.retry_after), (0, Duration::ZERO, Some(Duration::from_secs(90))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_does_not_open_the_breaker() {
        let outbound = Outbound::new(Retries::default());
        for _ in 0..FAILURES {
            let (_, _, error) = always(&outbound, error(Severity::Busy)).await;
            assert_eq!(error.severity, Severity::Busy);
        }
        let (_, took, _) = always(&outbound, error(Severity::Final)).await;
        assert_eq!(took, Duration::ZERO);
    }

    const FAILURES: u32 = crate::breaker::FAILURES_MAX;
}
