//! The order of a queue: ColonyOS's rule, `submitted − priority × 1 day`, in microseconds.

use std::sync::atomic::{AtomicI64, Ordering};

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Strictly increasing stamps, near the time: what one broker accepts first goes first, also within one millisecond. Between
/// brokers their clocks decide.
#[derive(Default)]
pub(in crate::engine) struct Stamps {
    last_us: AtomicI64,
}

impl Stamps {
    /// Returns the next stamp, in microseconds since 1970-01-01 UTC.
    pub(in crate::engine) fn next_us(&self, now_ms: i64) -> i64 {
        let now_us = now_ms.saturating_mul(1000);
        let after = |last: i64| Some(now_us.max(last.saturating_add(1)));
        // The closure always returns a value, so both arms have the stamp before.
        let last = match self.last_us.fetch_update(Ordering::AcqRel, Ordering::Acquire, after) {
            Ok(last) | Err(last) => last,
        };
        now_us.max(last.saturating_add(1))
    }
}

/// Returns the position in the queue; lower goes first. One step of priority outweighs a day of waiting,
/// so no process waits for ever; within a priority, first in is first out.
pub(in crate::engine) fn priority_time_us(submitted_at_us: i64, priority: i32) -> i64 {
    submitted_at_us.saturating_sub(i64::from(priority).saturating_mul(DAY_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_priority_goes_first_and_equals_go_in_order() {
        assert!(priority_time_us(2, 1) < priority_time_us(1, 0));
        assert!(priority_time_us(1, 5) < priority_time_us(2, 5));
    }

    #[test]
    fn a_day_of_waiting_outweighs_one_step_of_priority() {
        assert!(priority_time_us(0, 0) < priority_time_us(DAY_US + 1, 1));
    }

    #[test]
    fn stamps_grow_also_when_the_clock_stands_or_goes_back() {
        let stamps = Stamps::default();
        let taken: Vec<i64> = [5, 5, 4, 6, 6].into_iter().map(|now_ms| stamps.next_us(now_ms)).collect();
        assert_eq!(taken, [5000, 5001, 5002, 6000, 6001]);
    }

    #[test]
    fn the_extremes_of_priority_stay_in_order() {
        let now_us = 4_000_000_000_000_000;
        assert!(priority_time_us(now_us, 50_000) < priority_time_us(now_us, 49_999));
        assert!(priority_time_us(now_us, -49_999) < priority_time_us(now_us, -50_000));
    }
}
