//! The order of a queue: ColonyOS's rule, `submitted − priority × 1 day`.

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The place in the queue; lower goes first. With priorities that differ, one step outweighs a day of waiting,
/// so nothing starves; inside a priority, first in is first out.
pub(super) fn priority_time_ms(submitted_at_ms: i64, priority: i32) -> i64 {
    submitted_at_ms.saturating_sub(i64::from(priority) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_priority_goes_first_and_equals_go_in_order() {
        assert!(priority_time_ms(2, 1) < priority_time_ms(1, 0));
        assert!(priority_time_ms(1, 5) < priority_time_ms(2, 5));
    }

    #[test]
    fn a_day_of_waiting_outweighs_one_step_of_priority() {
        assert!(priority_time_ms(0, 0) < priority_time_ms(DAY_MS + 1, 1));
    }
}
