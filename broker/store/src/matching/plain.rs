//! Claims by slots that are all alike: each of them may have whichever plain process comes next. A store may claim such processes
//! in one statement, without an [`Assignment`](super::assignment::Assignment). No I/O.

use super::assignment::function_patterns;
use crate::limits::CLAIM_PASS_COUNT_MAX;
use crate::model::{ClaimSlot, GrantKey};

/// The leases that alike slots can take, in the order in which they are given.
///
/// A process is plain if it names no executors, has no requirements and no keys, and its function is one of these. If any other process
/// is among the next, or a pause, a drain, a limit or a revocation applies, the claim needs an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainClaim {
    /// The index of the slot that gets each lease.
    pub slots: Vec<usize>,
    /// The grant that each is leased to.
    pub executors: Vec<GrantKey>,
    /// The duration of each, in milliseconds.
    pub lease_ms: Vec<i64>,
    /// The run of the executor that claims each.
    pub instances: Vec<Option<i64>>,
    /// The names of the executors.
    pub names: Vec<String>,
    /// The functions that all slots may run; `None` for all.
    pub functions: Option<Vec<String>>,
    /// Beginnings of further such functions.
    pub prefixes: Vec<String>,
}

impl PlainClaim {
    /// Returns the claim of these slots; `None` if they are not alike.
    pub fn of(slots: &[ClaimSlot]) -> Option<Self> {
        // A process is leased to the first grant that covers it. So only the first grant of a slot counts here, and a process that it
        // does not cover is not plain.
        let firsts = slots.iter().map(|slot| slot.grants.first()).collect::<Option<Vec<_>>>()?;
        let scopes = &firsts.first()?.scopes.functions;
        if firsts.iter().any(|grant| grant.scopes.functions != *scopes) {
            return None;
        }
        let (functions, prefixes) = function_patterns(scopes.iter().map(String::as_str))?;
        let leases = (0..slots.len()).flat_map(|slot| std::iter::repeat_n(slot, slots[slot].count));
        let leases: Vec<usize> = leases.take(CLAIM_PASS_COUNT_MAX).collect();
        if leases.is_empty() {
            return None;
        }
        Some(Self {
            executors: leases.iter().map(|slot| firsts[*slot].key).collect(),
            lease_ms: leases.iter().map(|slot| slots[*slot].lease_ms).collect(),
            instances: leases.iter().map(|slot| slots[*slot].instance).collect(),
            slots: leases,
            // All names of a slot: if the first is being drained, an assignment may still use another.
            names: slots.iter().flat_map(|slot| slot.grants.iter()).map(|grant| grant.name.clone()).collect(),
            functions,
            prefixes,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apiary_identity::{Offer, Scopes};

    use super::*;
    use crate::model::SlotGrant;

    fn slot(grants: &[(i64, &[&str])], count: usize) -> ClaimSlot {
        let grant = |(key, functions): &(i64, &[&str])| SlotGrant {
            key: GrantKey(*key),
            name: format!("bee-{key}"),
            scopes: Scopes {
                functions: functions.iter().map(|name| (*name).to_owned()).collect(),
                executor_types: vec!["*".to_owned()],
            },
        };
        let grants = grants.iter().map(grant).collect();
        ClaimSlot { grants, offer: Arc::new(Offer::default()), count, lease_ms: 1000, instance: None }
    }

    #[test]
    fn alike_slots_are_filled_one_after_the_other() {
        let plain = PlainClaim::of(&[slot(&[(1, &["a", "b.*"])], 2), slot(&[(2, &["a", "b.*"])], 1)]).unwrap();
        assert_eq!(plain.slots, [0, 0, 1]);
        assert_eq!(plain.executors, [GrantKey(1), GrantKey(1), GrantKey(2)]);
        assert_eq!((plain.functions, plain.prefixes), (Some(vec!["a".to_owned()]), vec!["b.".to_owned()]));
        assert_eq!(plain.names, ["bee-1", "bee-2"]);
        let all = PlainClaim::of(&[slot(&[(1, &["*", "a"])], 1)]).unwrap();
        assert_eq!((all.functions, all.prefixes), (None, Vec::new()));
    }

    #[test]
    fn a_pass_has_a_bound() {
        let plain = PlainClaim::of(&[slot(&[(1, &["*"])], CLAIM_PASS_COUNT_MAX), slot(&[(2, &["*"])], 1)]).unwrap();
        assert_eq!(plain.executors, [GrantKey(1); CLAIM_PASS_COUNT_MAX]);
    }

    #[test]
    fn slots_that_differ_or_have_no_room_are_not_plain() {
        assert_eq!(PlainClaim::of(&[]), None);
        assert_eq!(PlainClaim::of(&[slot(&[], 1)]), None);
        assert_eq!(PlainClaim::of(&[slot(&[(1, &["a"])], 0)]), None);
        assert_eq!(PlainClaim::of(&[slot(&[(1, &["a"])], 1), slot(&[(2, &["b"])], 1)]), None);
    }

    #[test]
    fn only_the_first_grant_of_a_slot_is_looked_at() {
        let plain = PlainClaim::of(&[slot(&[(1, &["a"]), (2, &["*"])], 1)]).unwrap();
        assert_eq!((plain.functions, plain.executors), (Some(vec!["a".to_owned()]), vec![GrantKey(1)]));
    }
}
