//! The wait of a failed process before its next attempt.

use apiary_identity::Backoff;
use apiary_identity::limits::DURATION_MAX_MS;

/// Returns the wait before retry number `retry` (from 1), in milliseconds. `random` is from 0 to 1 and decides how much of the
/// jitter is taken off.
pub(in crate::engine) fn backoff_ms(backoff: &Backoff, retry: i32, random: f64) -> i64 {
    let exponent = retry.saturating_sub(1).max(0);
    let grown = as_float(backoff.first_ms) * backoff.factor.powi(exponent);
    // An overflow to infinity is cut like every other excess; `min` also turns a NaN into the bound.
    let capped = grown.min(as_float(backoff.most_ms)).min(as_float(DURATION_MAX_MS));
    let jittered = capped * (1.0 - backoff.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0));
    #[expect(clippy::cast_possible_truncation, reason = "lies between 0 and DURATION_MAX_MS, which f64 holds exactly")]
    let whole_ms = jittered.max(0.0).round() as i64;
    whole_ms
}

#[expect(clippy::cast_precision_loss, reason = "durations are checked to be at most ten years, far below 2^53 ms")]
fn as_float(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_doubles_up_to_the_most() {
        let backoff = Backoff { first_ms: 1000, factor: 2.0, most_ms: 5000, jitter: 0.0 };
        let waits: Vec<_> = (1..=5).map(|retry| backoff_ms(&backoff, retry, 0.5)).collect();
        assert_eq!(waits, [1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn jitter_only_takes_off() {
        let backoff = Backoff { first_ms: 1000, factor: 1.0, most_ms: 1000, jitter: 0.5 };
        assert_eq!(backoff_ms(&backoff, 1, 0.0), 1000);
        assert_eq!(backoff_ms(&backoff, 1, 1.0), 500);
    }

    proptest! {
        #[test]
        fn it_is_never_negative_nor_above_the_most(
            first_ms in 0..DURATION_MAX_MS, factor in 1.0..100.0_f64, most_ms in 0..DURATION_MAX_MS,
            jitter in 0.0..=1.0_f64, retry in 0..i32::MAX, random in 0.0..=1.0_f64,
        ) {
            let wait = backoff_ms(&Backoff { first_ms, factor, most_ms, jitter }, retry, random);
            prop_assert!((0..=most_ms).contains(&wait));
        }
    }
}
