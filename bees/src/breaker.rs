//! A circuit breaker: stops calls to an unavailable service, and notices its recovery.
//!
//! ```text
//!              failures_max in a row                 its time has passed
//!   closed ───────────────────────────────► open ───────────────────────► half-open
//!     ▲                                      ▲                              │   │
//!     └─────────────── the trial succeeds ───┼──────────────────────────────┘   │
//!                                            └────── the trial fails: for longer┘
//! ```
//!
//! A half-open breaker admits one call, the trial, for as long as it takes. All others wait for its outcome, and start
//! at once if it succeeds. The first open time is short, and each further one half as long again, up to some seconds, so
//! that a recovery is noticed soon. A call whose patience ends becomes the trial before the open time ends, or waits for
//! the trial that is under way: it never ends with an answer from before. Only the service's own `Retry-After` keeps it
//! from asking.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Default number of failures in a row after which the breaker opens.
pub const FAILURES_MAX: u32 = 5;
/// First open time.
pub const OPEN_FIRST: Duration = Duration::from_millis(250);
/// Longest open time before the next trial, unless the service asks for more.
pub const OPEN_MOST: Duration = Duration::from_secs(5);

/// A counter of failures in a row, which holds calls back after too many.
pub struct Breaker {
    failures_max: u32,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        /// Earliest time of a trial that the service allows.
        asked: Instant,
        span: Duration,
    },
    /// A trial is running, after an open time of `span`.
    HalfOpen {
        span: Duration,
    },
}

impl Breaker {
    /// Creates a closed breaker that opens after `failures_max` failures in a row (at least one).
    pub fn new(failures_max: u32) -> Self {
        let (state, _) = watch::channel(State::Closed { failures: 0 });
        Self { failures_max: failures_max.max(1), state }
    }

    /// Waits until a call is admitted. In no particular order: when the open time ends, any waiting call becomes the
    /// trial. After `patience` a call becomes the trial at once, unless one is under way: then it waits for its outcome.
    ///
    /// # Errors
    ///
    /// The reason why the service is not asked.
    pub async fn admit(&self, patience: Instant) -> Result<Pass<'_>, Held> {
        let (mut watching, mut has_seen_trial) = (self.state.subscribe(), false);
        loop {
            let state = *watching.borrow_and_update();
            let now = Instant::now();
            let is_late = now >= patience;
            let wake = match state {
                State::Closed { .. } => return Ok(Pass { breaker: self, is_trial: false }),
                // After a trial that ended without an outcome the open time is over.
                State::Open { until, .. } if is_late && has_seen_trial && until > now => return Err(Held::TrialFailed),
                // Nobody may ask before this call gives up.
                State::Open { asked, .. } if asked > patience.max(now) => return Err(Held::Asked(asked - now)),
                State::Open { .. } if is_late && self.begin_trial(patience) => {
                    return Ok(Pass { breaker: self, is_trial: true });
                }
                State::Open { until, .. } => until.min(patience),
                State::HalfOpen { .. } => {
                    has_seen_trial |= is_late;
                    patience
                }
            };
            tokio::select! {
                // The sender lives as long as this breaker.
                _ = watching.changed() => {}
                () = sleep_until(wake), if !(is_late && has_seen_trial) => {
                    if self.begin_trial(patience) {
                        return Ok(Pass { breaker: self, is_trial: true });
                    }
                }
            }
        }
    }

    /// Begins the trial if it is time, or if it is too late for the caller to wait on.
    fn begin_trial(&self, patience: Instant) -> bool {
        self.state.send_if_modified(|state| match *state {
            State::Open { until, asked, span } if Instant::now() >= until.min(patience.max(asked)) => {
                *state = State::HalfOpen { span };
                true
            }
            _ => false,
        })
    }
}

/// The reason why a call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A trial that was under way after the caller's patience has failed.
    TrialFailed,
    /// The service asks for this wait.
    Asked(Duration),
}

impl Default for Breaker {
    /// Creates a breaker that opens after [`FAILURES_MAX`] failures in a row.
    fn default() -> Self {
        Self::new(FAILURES_MAX)
    }
}

/// Admission of one call. If it is dropped without an outcome, as when the call is cancelled, nothing is counted.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Pass<'_> {
    /// Counts a success: the service answered, even if with a refusal.
    pub fn succeeded(mut self) {
        self.is_trial = false;
        self.breaker.state.send_if_modified(|state| {
            let was_closed = matches!(state, State::Closed { .. });
            *state = State::Closed { failures: 0 };
            !was_closed
        });
    }

    /// Counts a failure: the service did not answer, or reported that it is unavailable, with the wait that it asks
    /// for.
    pub fn failed(mut self, retry_after: Option<Duration>) {
        let is_trial = std::mem::take(&mut self.is_trial);
        let now = Instant::now();
        let least = now + retry_after.unwrap_or_default();
        let open = |span: Duration| State::Open { until: least.max(now + span), asked: least, span };
        self.breaker.state.send_modify(|state| {
            *state = match *state {
                State::Closed { failures } if failures + 1 < self.breaker.failures_max => {
                    State::Closed { failures: failures + 1 }
                }
                State::Closed { .. } => open(OPEN_FIRST),
                State::HalfOpen { span } if is_trial => open((span + span / 2).min(OPEN_MOST)),
                // A call admitted before the breaker opened can only prolong the open time, by the wait that the
                // service asks for.
                State::Open { until, asked, span } => {
                    State::Open { until: until.max(least), asked: asked.max(least), span }
                }
                State::HalfOpen { span } => State::HalfOpen { span },
            };
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.is_trial {
            return;
        }
        // The trial ended without an outcome, so the next call may start another at once.
        self.breaker.state.send_if_modified(|state| match *state {
            State::HalfOpen { span } => {
                let now = Instant::now();
                *state = State::Open { until: now, asked: now, span };
                true
            }
            _ => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    /// Admits a call that waits for as long as it takes.
    async fn admit(breaker: &Breaker) -> Pass<'_> {
        breaker.admit(Instant::now() + Duration::from_secs(86_400)).await.unwrap()
    }

    async fn opened() -> Breaker {
        let breaker = Breaker::new(3);
        for _ in 0..3 {
            admit(&breaker).await.failed(None);
        }
        breaker
    }

    /// Longest time that a call waits to be admitted.
    async fn waited(breaker: &Breaker) -> (Duration, Pass<'_>) {
        let start = Instant::now();
        let pass = admit(breaker).await;
        (start.elapsed(), pass)
    }

    /// The timer's own grain.
    const GRAIN: Duration = Duration::from_millis(2);

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_not_before() {
        let breaker = Breaker::new(3);
        for _ in 0..2 {
            admit(&breaker).await.failed(None);
        }
        admit(&breaker).await.succeeded();
        for _ in 0..3 {
            let (wait, pass) = waited(&breaker).await;
            assert_eq!(wait, Duration::ZERO);
            pass.failed(None);
        }
        let (wait, _) = waited(&breaker).await;
        assert!((OPEN_FIRST..OPEN_FIRST + GRAIN).contains(&wait), "{wait:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_trial_decides_in_its_own_time_and_its_success_releases_all_others_at_once() {
        let breaker = opened().await;
        let trial = admit(&breaker).await;
        let mut second = pin!(waited(&breaker));
        let mut third = pin!(waited(&breaker));
        // However long the trial takes, no other goes out beside it.
        assert!(timeout(Duration::from_secs(3600), &mut second).await.is_err());
        assert!(timeout(Duration::from_secs(3600), &mut third).await.is_err());
        trial.succeeded();
        let now = Instant::now();
        second.await.1.succeeded();
        third.await.1.succeeded();
        assert_eq!(now.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn each_trial_that_fails_opens_it_for_longer_up_to_some_seconds() {
        let breaker = opened().await;
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let (wait, pass) = waited(&breaker).await;
            assert!(wait >= last && wait <= OPEN_MOST + GRAIN, "{wait:?} after {last:?}");
            last = wait.saturating_sub(GRAIN);
            pass.failed(None);
        }
        assert!(last >= OPEN_MOST - GRAIN * 2, "{last:?}");
        admit(&breaker).await.succeeded();
        for _ in 0..3 {
            admit(&breaker).await.failed(None);
        }
        assert!(waited(&breaker).await.0 < OPEN_FIRST + GRAIN, "it starts anew");
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_a_lower_bound_and_nothing_else() {
        for (asked, expected) in [(Duration::ZERO, OPEN_FIRST), (Duration::from_secs(90), Duration::from_secs(90))] {
            let breaker = Breaker::new(1);
            admit(&breaker).await.failed(Some(asked));
            let (wait, _) = waited(&breaker).await;
            assert!((expected..expected + GRAIN).contains(&wait), "{asked:?}: {wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_cancelled_makes_room_for_the_next() {
        let breaker = opened().await;
        let trial = admit(&breaker).await;
        let mut late = pin!(breaker.admit(Instant::now()));
        assert!(timeout(Duration::from_secs(3600), &mut late).await.is_err());
        drop(trial);
        drop(late.await.unwrap());
        assert!(waited(&breaker).await.0 < GRAIN);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_when_it_opened_do_not_prolong_it() {
        let breaker = Breaker::new(3);
        let early = admit(&breaker).await;
        for _ in 0..3 {
            admit(&breaker).await.failed(None);
        }
        tokio::time::advance(OPEN_FIRST / 2).await;
        early.failed(None);
        assert!(waited(&breaker).await.0 <= OPEN_FIRST / 2 + GRAIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_out_of_patience_is_the_trial_or_learns_the_outcome_of_the_one_under_way() {
        let breaker = opened().await;
        let now = Instant::now();
        let trial = breaker.admit(now).await.unwrap();
        assert_eq!(now.elapsed(), Duration::ZERO, "it asks before the open time ends");
        let mut other = pin!(breaker.admit(now));
        assert!(timeout(Duration::from_secs(3600), &mut other).await.is_err(), "one trial at a time");
        trial.failed(None);
        assert_eq!(other.await.err(), Some(Held::TrialFailed));
        breaker.admit(now).await.unwrap().failed(Some(Duration::from_secs(90)));
        let Some(Held::Asked(wait)) = breaker.admit(now).await.err() else { panic!("the service asked for a wait") };
        assert!(wait > Duration::from_secs(89), "{wait:?}");
    }
}
