//! Calls to services outside: retried for a bounded time, behind a circuit breaker.

use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use crate::breaker::Breaker;

/// What a failed call says about the service and about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The same call fails again: the service answered, and the answer is no.
    Final,
    /// The service answered that somebody was in the way; trying again at once makes sense.
    Busy,
    /// The service did not answer, or said that it cannot: counts towards opening the breaker.
    Down,
}

/// An error of a call to a service outside.
pub trait CallError {
    /// What it says about the service.
    fn severity(&self) -> Severity;
    /// How long the service asks to be left alone.
    fn retry_after(&self) -> Option<Duration>;
    /// The error of a call that was not made, because the breaker is open for this long.
    fn circuit_open(retry_after: Duration) -> Self;
}

/// How often and when a call is tried again before its error is handed on.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Attempts after the first.
    pub retries_max: usize,
    /// The wait before the first retry; it doubles from one to the next.
    pub first_wait: Duration,
    /// The longest that a service may ask for (`Retry-After`) and be waited for; when it asks for more,
    /// the error is handed on at once, for the broker to schedule.
    pub wait_max: Duration,
}

impl Default for Retries {
    /// Three retries, after 1, 2 and 4 seconds, or when the service says, if that is within 10 seconds.
    fn default() -> Self {
        Self { retries_max: 3, first_wait: Duration::from_secs(1), wait_max: Duration::from_secs(10) }
    }
}

/// The way out to one service.
pub struct Outbound {
    breaker: Breaker,
    retries: Retries,
}

impl Outbound {
    /// Calls go through `breaker` and are tried again as `retries` says.
    pub fn new(breaker: Breaker, retries: Retries) -> Self {
        Self { breaker, retries }
    }

    /// Makes a call, which must be safe to repeat.
    ///
    /// # Errors
    ///
    /// The last attempt's error, or [`CallError::circuit_open`].
    pub async fn call<T, E, F>(&self, call: impl Fn() -> F) -> Result<T, E>
    where
        E: CallError + std::fmt::Display,
        F: Future<Output = Result<T, E>>,
    {
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.retries.first_wait)
            .with_max_delay(self.retries.wait_max)
            .with_max_times(self.retries.retries_max);
        (|| self.attempt(&call))
            .retry(waits)
            .sleep(tokio::time::sleep)
            .when(|error| error.severity() != Severity::Final)
            .adjust(|error, wait| self.wait(error, wait))
            .notify(
                |error, wait| tracing::warn!(%error, wait_ms = wait.as_millis(), "a call failed and is tried again"),
            )
            .await
    }

    async fn attempt<T, E, F>(&self, call: &impl Fn() -> F) -> Result<T, E>
    where
        E: CallError,
        F: Future<Output = Result<T, E>>,
    {
        self.breaker.admit().map_err(E::circuit_open)?;
        let answer = call().await;
        match &answer {
            Err(error) if error.severity() == Severity::Down => self.breaker.failed(),
            _ => self.breaker.succeeded(),
        }
        answer
    }

    /// The wait before the next attempt: what the service asks for if it asks; `None` gives up.
    fn wait<E: CallError>(&self, error: &E, planned: Option<Duration>) -> Option<Duration> {
        let planned = planned?;
        match error.retry_after() {
            Some(asked) if asked > self.retries.wait_max => None,
            Some(asked) => Some(asked.max(planned)),
            None => Some(planned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use apiary_identity::ManualClock;
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
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
        fn circuit_open(retry_after: Duration) -> Self {
            Self { severity: Severity::Down, retry_after: Some(retry_after) }
        }
    }

    fn outbound(failures_max: u32) -> Outbound {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        Outbound::new(Breaker::with_limits(clock, failures_max, Duration::from_secs(60)), Retries::default())
    }

    /// Calls a service that always fails like this: how often it was called, for how long, and the end.
    async fn always(
        outbound: &Outbound,
        severity: Severity,
        retry_after: Option<Duration>,
    ) -> (u32, Duration, TestError) {
        let calls = AtomicU32::new(0);
        let start = Instant::now();
        let answer: Result<(), TestError> = outbound
            .call(|| async {
                calls.fetch_add(1, Ordering::SeqCst);
                Err(TestError { severity, retry_after })
            })
            .await;
        (
            calls.into_inner(),
            start.elapsed(),
            answer.err().unwrap_or(TestError { severity: Severity::Final, retry_after }),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_down_is_tried_four_times_with_one_two_and_four_seconds_between() {
        let (calls, took, _) = always(&outbound(99), Severity::Down, None).await;
        assert_eq!(calls, 4);
        assert_eq!(took.as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_answer_is_not_tried_again() {
        let (calls, _, error) = always(&outbound(1), Severity::Final, None).await;
        assert_eq!(calls, 1);
        assert_eq!(error.severity, Severity::Final);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_waited_for() {
        let (calls, took, _) = always(&outbound(99), Severity::Down, Some(Duration::from_secs(9))).await;
        assert_eq!(calls, 4);
        assert_eq!(took.as_secs(), 27);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_retry_after_is_handed_on_at_once() {
        let asked = Some(Duration::from_secs(3600));
        let (calls, took, error) = always(&outbound(99), Severity::Down, asked).await;
        assert_eq!((calls, took), (1, Duration::ZERO));
        assert_eq!(error.retry_after, asked);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_ends_the_retries_and_says_when_to_come_back() {
        let outbound = outbound(2);
        let (calls, _, error) = always(&outbound, Severity::Down, None).await;
        assert_eq!(calls, 2, "the third attempt is not made");
        assert_eq!(error.retry_after, Some(Duration::from_secs(60)));
        let (calls, _, _) = always(&outbound, Severity::Down, None).await;
        assert_eq!(calls, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_does_not_open_the_breaker() {
        let (calls, _, error) = always(&outbound(1), Severity::Busy, None).await;
        assert_eq!(calls, 4);
        assert_eq!(error.severity, Severity::Busy);
    }
}
