//! How often which rule refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::GUARD_COUNTERS_MAX;

/// What refusals are counted under once there are too many names.
const OTHERS: &str = "(others)";

/// How often which rule refused, since the guard was made. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    by_rule: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Refusals {
    /// The count of each rule that refused at least once, by the rule's name.
    pub fn by_rule(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    /// The sum of all.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Counts one, and says how many of this rule there are now.
    pub(crate) fn count(&self, rule: &str) -> u64 {
        let mut by_rule = self.lock();
        let rule = if by_rule.contains_key(rule) || by_rule.len() < GUARD_COUNTERS_MAX { rule } else { OTHERS };
        let count = by_rule.entry(rule.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        // A count is whole before and after each change, whatever panics around it.
        self.by_rule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_rule_and_clones_count_together() {
        let refusals = Refusals::default();
        assert_eq!(refusals.count("a"), 1);
        assert_eq!(refusals.clone().count("a"), 2);
        refusals.count("b");
        assert_eq!(refusals.by_rule(), BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]));
        assert_eq!(refusals.total(), 3);
    }

    #[test]
    fn names_without_end_do_not_take_memory_without_end() {
        let refusals = Refusals::default();
        for name in 0..3 * GUARD_COUNTERS_MAX {
            refusals.count(&name.to_string());
        }
        assert!(refusals.by_rule().len() <= GUARD_COUNTERS_MAX + 1);
        assert_eq!(refusals.total(), 3 * GUARD_COUNTERS_MAX as u64);
    }
}
