//! Counts of the guard's refusals.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::GUARD_COUNTERS_MAX;

/// Name under which refusals are counted once there are too many names.
const OTHERS: &str = "(others)";

/// Number of refusals by rule, since the guard was created. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    by_rule: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Refusals {
    /// Returns the count of each rule that refused at least once, by the rule's name.
    pub fn by_rule(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Counts a refusal; returns the new count of its rule.
    pub(crate) fn count(&self, rule: &str) -> u64 {
        let mut by_rule = self.lock();
        let rule = if by_rule.contains_key(rule) || by_rule.len() < GUARD_COUNTERS_MAX { rule } else { OTHERS };
        let count = by_rule.entry(rule.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        // Valid after a panic: no change of a count can be half-done.
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
