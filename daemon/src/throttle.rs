//! Throttle of log lines: the first few of one cause pass, the rest are counted.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::Clock;

/// Lines of one cause that pass within [`WINDOW_MS`].
const LINES_MAX: u64 = 5;
/// Time after which the count of a cause starts again, in milliseconds.
const WINDOW_MS: i64 = 600_000;
/// Causes kept at once; beyond it the oldest is forgotten and its count starts again.
const CAUSES_MAX: usize = 256;
/// Characters by which causes are compared.
const CAUSE_CHARS_MAX: usize = 256;

/// Number of lines suppressed since the last one of their cause that passed; `None` for none, which the log omits.
pub type HeldBack = Option<NonZeroU64>;

/// Decides which log lines pass, so that a thousand failures of one cause do not hide a single one of another. Clones
/// share it.
#[derive(Clone)]
pub struct Throttle(Arc<ThrottleState>);

struct ThrottleState {
    clock: Arc<dyn Clock>,
    causes: Mutex<BTreeMap<String, Cause>>,
}

struct Cause {
    since_ms: i64,
    lines: u64,
}

impl Throttle {
    /// Creates a throttle without any cause.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(ThrottleState { clock, causes: Mutex::default() }))
    }

    /// Returns the number of similar lines suppressed since the last one that passed, or `None` if this one must be
    /// suppressed. Texts that differ only in words with digits, such as ids and times, are one cause.
    pub fn pass(&self, cause: &str) -> Option<HeldBack> {
        let (now_ms, cause) = (self.0.clock.now_ms(), kind_of(cause));
        let mut causes = self.lock();
        if let Some(known) = causes.get_mut(&cause) {
            let is_over = now_ms.saturating_sub(known.since_ms) >= WINDOW_MS;
            if !is_over {
                known.lines = known.lines.saturating_add(1);
                return (known.lines <= LINES_MAX).then_some(None);
            }
            let held_back = known.lines.saturating_sub(LINES_MAX);
            *known = Cause { since_ms: now_ms, lines: 1 };
            return Some(NonZeroU64::new(held_back));
        }
        if causes.len() >= CAUSES_MAX {
            let oldest = causes.iter().min_by_key(|(_, known)| known.since_ms).map(|(cause, _)| cause.clone());
            oldest.and_then(|oldest| causes.remove(&oldest));
        }
        causes.insert(cause, Cause { since_ms: now_ms, lines: 1 });
        Some(None)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Cause>> {
        // No code that can panic runs under the lock.
        self.0.causes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the text without words that contain digits, such as ids and times.
fn kind_of(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.flat_map(|word| word.chars().chain([' '])).take(CAUSE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn throttle() -> (Arc<ManualClock>, Throttle) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        (clock.clone(), Throttle::new(clock))
    }

    #[test]
    fn a_thousand_lines_of_one_cause_hide_no_other() {
        let (_, throttle) = throttle();
        let passed = (0..1000).filter(|number| throttle.pass(&format!("no customer cus_{number}")).is_some()).count();
        assert_eq!(passed, 5);
        assert_eq!(throttle.pass("no price price_7"), Some(None));
    }

    #[test]
    fn a_cause_that_lasts_is_told_again_with_how_many_were_held_back() {
        let (clock, throttle) = throttle();
        (0..12).for_each(|_| {
            throttle.pass("the bank is closed");
        });
        assert_eq!(throttle.pass("the bank is closed"), None);
        clock.advance(Duration::from_secs(600));
        assert_eq!(throttle.pass("the bank is closed"), Some(NonZeroU64::new(8)));
        assert_eq!(throttle.pass("the bank is closed"), Some(None));
    }

    #[test]
    fn causes_past_the_bound_push_out_the_oldest() {
        let (clock, throttle) = throttle();
        let cause = |number: usize| "x".repeat(number + 1);
        for number in 0..CAUSES_MAX - 60 {
            throttle.pass(&cause(number));
            clock.advance(Duration::from_millis(1));
        }
        for number in 0..100 {
            let letters: String = number.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            assert_eq!(throttle.pass(&letters), Some(None));
        }
        assert_eq!(throttle.lock().len(), CAUSES_MAX);
        assert!(!throttle.lock().contains_key("x "));
    }
}
