//! A circuit breaker: stops calling a service that is down, and notices when it is back.
//!
//! ```text
//!              failures_max in a row              open_for has passed
//!   closed ───────────────────────────► open ───────────────────────► half-open
//!     ▲                                   ▲                             │  │
//!     └────────────── the trial succeeds ─┼─────────────────────────────┘  │
//!                                         └────────── the trial fails ─────┘
//! ```
//!
//! Half-open lets one call through, the trial; all others are refused until it has ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_identity::Clock;

/// Failures in a row after which the breaker opens, unless it is told otherwise.
pub const FAILURES_MAX: u32 = 5;
/// How long an open breaker refuses calls, unless it is told otherwise.
pub const OPEN_FOR: Duration = Duration::from_secs(60);

/// Counts failures in a row, and refuses calls for a while after too many.
pub struct Breaker {
    clock: Arc<dyn Clock>,
    failures_max: u32,
    open_for: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until_ms: i64,
    },
    /// A trial is under way; should it never report, another one may start at `until_ms`.
    HalfOpen {
        until_ms: i64,
    },
}

impl Breaker {
    /// A closed breaker that opens after [`FAILURES_MAX`] failures in a row, for [`OPEN_FOR`].
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_limits(clock, FAILURES_MAX, OPEN_FOR)
    }

    /// A closed breaker that opens after `failures_max` failures in a row (at least one), for `open_for`.
    pub fn with_limits(clock: Arc<dyn Clock>, failures_max: u32, open_for: Duration) -> Self {
        Self { clock, failures_max: failures_max.max(1), open_for, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Whether a call may go out now; every `Ok` is followed by [`Self::succeeded`] or [`Self::failed`].
    ///
    /// # Errors
    ///
    /// How long to wait before asking again.
    pub fn admit(&self) -> Result<(), Duration> {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Ok(()),
            State::Open { until_ms } | State::HalfOpen { until_ms } if now_ms < until_ms => {
                Err(Duration::from_millis(u64::try_from(until_ms - now_ms).unwrap_or(0)))
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                *state = State::HalfOpen { until_ms: self.after_open_for(now_ms) };
                Ok(())
            }
        }
    }

    /// The service answered, be it with a refusal: it is there.
    pub fn succeeded(&self) {
        *self.lock() = State::Closed { failures: 0 };
    }

    /// The service did not answer, or said that it cannot.
    pub fn failed(&self) {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        *state = match *state {
            State::Closed { failures } if failures + 1 < self.failures_max => State::Closed { failures: failures + 1 },
            // A call that was admitted before the breaker opened does not keep it open for longer.
            State::Open { until_ms } => State::Open { until_ms },
            State::Closed { .. } | State::HalfOpen { .. } => State::Open { until_ms: self.after_open_for(now_ms) },
        };
    }

    fn after_open_for(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(i64::try_from(self.open_for.as_millis()).unwrap_or(i64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; a poisoned state is whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn breaker() -> (Arc<ManualClock>, Breaker) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let breaker = Breaker::with_limits(clock.clone(), 3, Duration::from_secs(60));
        (clock, breaker)
    }

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.admit().unwrap();
            breaker.failed();
        }
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_says_for_how_long() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.advance(Duration::from_secs(20));
        assert_eq!(breaker.admit(), Err(Duration::from_secs(40)));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let (_, breaker) = breaker();
        fail(&breaker, 2);
        breaker.succeeded();
        fail(&breaker, 2);
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn half_open_lets_one_trial_through_and_closes_when_it_succeeds() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.advance(Duration::from_secs(60));
        assert_eq!(breaker.admit(), Ok(()));
        assert!(breaker.admit().is_err(), "a second call waits for the trial");
        breaker.succeeded();
        assert_eq!(breaker.admit(), Ok(()));
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn half_open_opens_again_when_its_trial_fails() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.advance(Duration::from_secs(60));
        breaker.admit().unwrap();
        breaker.failed();
        assert_eq!(breaker.admit(), Err(Duration::from_secs(60)));
    }

    #[test]
    fn a_trial_that_never_reports_does_not_block_for_ever() {
        let (clock, breaker) = breaker();
        fail(&breaker, 3);
        clock.advance(Duration::from_secs(60));
        breaker.admit().unwrap();
        clock.advance(Duration::from_secs(60));
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn calls_that_were_under_way_when_it_opened_do_not_prolong_it() {
        let (clock, breaker) = breaker();
        breaker.admit().unwrap();
        fail(&breaker, 3);
        clock.advance(Duration::from_secs(30));
        breaker.failed();
        assert_eq!(breaker.admit(), Err(Duration::from_secs(30)));
    }
}
