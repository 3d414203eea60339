//! Pauses of work that waits for its surroundings: they grow with the time that the cause lasts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::Failure;
use crate::limits::{SNOOZE_MAX, SURROUNDINGS_CAUSES_MAX, SURROUNDINGS_FIRST, SURROUNDINGS_MOST};
use crate::outcome::Kind;

/// Start of each function's wait, by function and cause.
#[derive(Default)]
pub(super) struct Waits(Mutex<BTreeMap<(String, String), Instant>>);

impl Waits {
    /// Returns the delay and the reason if the work must be released; `None` if its result must be reported. A success
    /// ends all waits of the function.
    pub(super) fn heed<'a>(&self, function: &str, returned: &'a Result<Bytes, Failure>) -> Option<(Duration, &'a str)> {
        let failure = match returned {
            Ok(_) => {
                self.lock().retain(|(other, _), _| other != function);
                return None;
            }
            Err(failure) => failure,
        };
        let delay = match failure.kind() {
            Kind::Final | Kind::Retryable => return None,
            Kind::Snooze(delay) => *delay,
            Kind::Surroundings { cause } => {
                self.pause(function, cause).max(failure.earliest().unwrap_or_default()).min(SNOOZE_MAX)
            }
        };
        Some((delay, failure.message()))
    }

    /// Returns half the time that the cause has lasted, so that the work resumes at most half as long again after the
    /// cause ends.
    fn pause(&self, function: &str, cause: &str) -> Duration {
        let (now, key) = (Instant::now(), (function.to_owned(), cause.to_owned()));
        let mut since = self.lock();
        if since.len() >= SURROUNDINGS_CAUSES_MAX && !since.contains_key(&key) {
            return SURROUNDINGS_MOST;
        }
        let since = *since.entry(key).or_insert(now);
        (now.duration_since(since) / 2).clamp(SURROUNDINGS_FIRST, SURROUNDINGS_MOST)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Instant>> {
        // Valid after a panic: inserting and removing cannot leave the map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(waits: &Waits, failure: Failure) -> Duration {
        waits.heed("f", &Err(failure)).unwrap().0
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_with_the_time_that_the_cause_lasts_and_starts_anew_after_a_success() {
        let (waits, away) = (Waits::default(), || Failure::surroundings("away", "no answer"));
        assert_eq!(pause(&waits, away()), SURROUNDINGS_FIRST);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(pause(&waits, away()), Duration::from_secs(10));
        assert_eq!(pause(&waits, Failure::surroundings("key", "wrong key")), SURROUNDINGS_FIRST);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(pause(&waits, away()), SURROUNDINGS_MOST);
        assert!(waits.heed("g", &Ok(Bytes::new())).is_none());
        assert_eq!(pause(&waits, away()), SURROUNDINGS_MOST, "another function's success says nothing of this one");
        assert!(waits.heed("f", &Ok(Bytes::new())).is_none());
        assert_eq!(pause(&waits, away()), SURROUNDINGS_FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_says_when_to_come_back_is_not_asked_sooner() {
        let (waits, asked) = (Waits::default(), Duration::from_secs(300));
        let failure = Failure::surroundings("quota", "over quota").retry_after(asked);
        assert_eq!(pause(&waits, failure), asked);
        let soon = Failure::surroundings("quota", "over quota").retry_after(Duration::ZERO);
        assert_eq!(pause(&waits, soon), SURROUNDINGS_FIRST, "a lower bound, and nothing else");
    }

    #[test]
    fn what_is_the_works_own_end_does_not_wait() {
        let waits = Waits::default();
        assert!(waits.heed("f", &Err(Failure::fatal("no"))).is_none());
        assert!(waits.heed("f", &Err(Failure::retryable("no"))).is_none());
    }
}
