//! The conditions that stop the work of a lane for every caller: pauses, drains, revocations, limits.

use std::collections::BTreeSet;

use super::assignment::Candidate;
use crate::model::{ClaimSlot, GrantKey, SlotGrant};

/// A condition that stops work, or makes a claim count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneRestriction {
    /// The colony, or the lane's executor type, is paused.
    Closed,
    /// A function is paused.
    PausedFunction(String),
    /// An executor's name takes no new work.
    DrainedName(String),
    /// Limits must be counted: the lane's type or a function of the colony is limited, or work with keys waits.
    Limited,
    /// Nothing waits in the lane.
    Empty,
    /// A grant is revoked.
    RevokedGrant(GrantKey),
}

/// Returns the grants that the slots claim under, each once and in order.
pub fn grants_of(slots: &[ClaimSlot]) -> Vec<i64> {
    let keys = slots.iter().flat_map(|slot| slot.grants.iter()).map(|grant| grant.key.0);
    keys.collect::<BTreeSet<_>>().into_iter().collect()
}

/// All conditions that stop work in one lane. Every claim reads them inside its own transaction, so a pause, a drain or a revocation
/// applies at every broker from its commit on.
#[derive(Debug, Default)]
pub struct LaneRestrictions {
    is_closed: bool,
    is_empty: bool,
    paused_functions: BTreeSet<String>,
    drained_names: BTreeSet<String>,
    are_limited: bool,
    revoked_grants: BTreeSet<GrantKey>,
}

impl FromIterator<LaneRestriction> for LaneRestrictions {
    fn from_iter<I: IntoIterator<Item = LaneRestriction>>(found: I) -> Self {
        let mut restrictions = Self::default();
        for restriction in found {
            match restriction {
                LaneRestriction::Closed => restrictions.is_closed = true,
                LaneRestriction::PausedFunction(name) => _ = restrictions.paused_functions.insert(name),
                LaneRestriction::DrainedName(name) => _ = restrictions.drained_names.insert(name),
                LaneRestriction::Empty => restrictions.is_empty = true,
                LaneRestriction::Limited => restrictions.are_limited = true,
                LaneRestriction::RevokedGrant(key) => _ = restrictions.revoked_grants.insert(key),
            }
        }
        restrictions
    }
}

impl LaneRestrictions {
    /// Returns true if the lane gives out no work at all.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns true if nothing waits in the lane.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Returns true if this claim must count limits.
    pub fn are_limited(&self) -> bool {
        // Counting takes the colony's lock, for which other claims wait. A closed or empty lane gives out nothing, so it need not count.
        self.are_limited && !self.is_closed && !self.is_empty
    }

    /// Returns true if no pause covers the process.
    pub fn allows_process(&self, candidate: &Candidate) -> bool {
        // The scan leaves out paused functions already. Checked again here, so that the rule does not depend on two SQL dialects.
        !self.is_closed && !self.paused_functions.contains(&candidate.function)
    }

    /// Returns true if a lease may be given under this grant: its name is not drained, and it is not revoked.
    pub fn allows_grant(&self, grant: &SlotGrant) -> bool {
        // An executor may have several grants with different names: the others stay usable. So this asks about the grant, not the executor.
        !self.drained_names.contains(&grant.name) && !self.revoked_grants.contains(&grant.key)
    }

    /// Returns true if nothing waits in the lane, and nothing keeps or counts work of these grants.
    pub fn are_none_for<'g>(&self, mut grants: impl Iterator<Item = &'g SlotGrant>) -> bool {
        let is_open = self.is_empty && !self.is_closed && !self.are_limited && self.paused_functions.is_empty();
        is_open && grants.all(|grant| self.allows_grant(grant))
    }

    /// Returns the paused functions, which the statement that reads candidates leaves out.
    pub fn paused_functions(&self) -> Vec<String> {
        self.paused_functions.iter().cloned().collect()
    }
}
