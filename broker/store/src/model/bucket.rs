//! A token bucket: each start takes a token, and tokens come back with time. Whatever the clock or the database says, a bucket
//! holds between none and `burst`.

use super::Rate;

/// Tolerance for rounding: this much less than one token still counts as one token.
const ROUNDING: f64 = 1e-6;

/// Largest step back in time that is ignored, in milliseconds: brokers' clocks differ a little. After a larger step the bucket
/// counts on from the new time, because the clock was set.
const CLOCK_BACK_MS_MAX: i64 = 2 * 60_000;

/// The state of a rate limit: the free starts, and the time at which they were counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The number of free starts; a fraction of one is possible.
    pub tokens: f64,
    /// When they were counted.
    pub filled_at_ms: i64,
}

impl Bucket {
    /// Returns a bucket with all its tokens.
    pub fn full(rate: &Rate, now_ms: i64) -> Self {
        Self { tokens: f64::from(rate.burst), filled_at_ms: now_ms }
    }

    /// Returns the bucket with the tokens that came since it was counted. An earlier time adds none, and the bucket keeps its own, so that
    /// no interval counts twice. After a time that is minutes earlier it counts on from there, so that nothing waits for a mistake.
    #[must_use]
    pub fn refilled(self, rate: &Rate, now_ms: i64) -> Self {
        let most = f64::from(rate.burst);
        let tokens = if self.tokens.is_finite() { self.tokens.clamp(0.0, most) } else { 0.0 };
        let passed_ms = now_ms.saturating_sub(self.filled_at_ms);
        if passed_ms >= 0 {
            let come = millis(passed_ms) * per_ms(rate);
            return Self { tokens: (tokens + come).min(most), filled_at_ms: now_ms };
        }
        let is_absurd = passed_ms < -CLOCK_BACK_MS_MAX;
        Self { tokens, filled_at_ms: if is_absurd { now_ms } else { self.filled_at_ms } }
    }

    /// Returns true if a start is allowed.
    pub fn has_token(&self) -> bool {
        self.tokens + ROUNDING >= 1.0
    }

    /// Takes the token of a start.
    pub fn take(&mut self) {
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    /// Returns the time of the next allowed start; a time up to now if one is allowed already.
    pub fn next_start_ms(&self, rate: &Rate) -> i64 {
        self.reaches_ms(1.0, rate)
    }

    /// Returns the time at which the bucket is full: from then on it need not be stored.
    pub fn full_at_ms(&self, rate: &Rate) -> i64 {
        self.reaches_ms(f64::from(rate.burst), rate)
    }

    fn reaches_ms(&self, tokens: f64, rate: &Rate) -> i64 {
        let missing = (tokens - ROUNDING / 2.0 - self.tokens).max(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a conversion of a float saturates, and a time is a guess")]
        let wait_ms = (missing / per_ms(rate)).ceil() as i64;
        self.filled_at_ms.saturating_add(wait_ms)
    }
}

/// Returns the number of tokens that come in a millisecond.
fn per_ms(rate: &Rate) -> f64 {
    f64::from(rate.count.max(1)) / millis(rate.interval_ms.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "what is lost is far below a token")]
fn millis(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { count: 10, interval_ms: 1000, burst: 5 };

    #[test]
    fn tokens_come_back_with_time_and_never_more_than_the_burst() {
        let mut bucket = Bucket::full(&RATE, 0);
        for _ in 0..5 {
            assert!(bucket.has_token());
            bucket.take();
        }
        assert!(!bucket.has_token());
        assert_eq!(bucket.next_start_ms(&RATE), 100);
        assert!(!bucket.refilled(&RATE, 99).has_token());
        assert!(bucket.refilled(&RATE, 100).has_token());
        assert_eq!(bucket.full_at_ms(&RATE), 500);
        assert_eq!(bucket.refilled(&RATE, i64::MAX).tokens, 5.0);
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_and_blocks_nothing() {
        let empty = Bucket { tokens: 0.0, filled_at_ms: 1000 };
        let back = empty.refilled(&RATE, 900);
        assert_eq!(back, empty);
        assert!(!back.refilled(&RATE, 1050).has_token(), "the time between is not counted twice");
        let fast = Rate { count: 1000, interval_ms: 1000, burst: 10 };
        let late = Bucket { tokens: 2.0, filled_at_ms: 112 }.refilled(&fast, 100);
        assert_eq!(
            (late.tokens, late.filled_at_ms),
            (2.0, 112),
            "also where a full bucket takes less than the clock went back"
        );
        let absurd = Bucket { tokens: 0.0, filled_at_ms: i64::MAX }.refilled(&RATE, 1000);
        assert_eq!(absurd.filled_at_ms, 1000);
        assert!(absurd.refilled(&RATE, 1100).has_token());
    }

    #[test]
    fn what_nobody_put_there_is_made_fit() {
        for tokens in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -7.0, 1e300] {
            let bucket = Bucket { tokens, filled_at_ms: i64::MIN }.refilled(&RATE, i64::MIN);
            assert!((0.0..=5.0).contains(&bucket.tokens), "{tokens}");
        }
    }

    proptest! {
        /// At most the burst, and what came in the time, start in any order of looks; and whoever waits for the time that it is
        /// told may start then.
        #[test]
        fn no_more_starts_than_the_rate_allows(
            count in 1..1000_i32, interval_ms in 1..100_000_i64, burst in 1..100_i32,
            steps in prop::collection::vec(0..10_000_i64, 1..200),
        ) {
            let rate = Rate { count, interval_ms, burst };
            let (mut bucket, mut now_ms, mut started) = (Bucket::full(&rate, 0), 0, 0_i64);
            for step in steps {
                now_ms += step;
                bucket = bucket.refilled(&rate, now_ms);
                while bucket.has_token() {
                    bucket.take();
                    started += 1;
                }
                let most = i64::from(burst) + now_ms * i64::from(count) / interval_ms;
                prop_assert!(started <= most + 1, "{started} of {most}");
                let next_ms = bucket.next_start_ms(&rate);
                prop_assert!(next_ms > now_ms);
                prop_assert!(bucket.refilled(&rate, next_ms).has_token());
            }
        }
    }
}
