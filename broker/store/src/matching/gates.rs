//! What stands in the way of a lane's work, whoever asks for it.

use std::collections::BTreeSet;

use super::assignment::Candidate;
use crate::model::{ClaimSlot, GrantKey, SlotGrant};

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The colony, or the lane's executor type, is paused.
    Closed,
    /// A function is paused.
    PausedFunction(String),
    /// An executor's name takes no new work.
    DrainedName(String),
    /// Limits have to be counted: the lane's type or some function is limited, or work with keys waits.
    Limited,

    /// A grant is revoked.
    RevokedGrant(GrantKey),
}

/// The grants that are claimed under, each once.
pub fn grants_of(slots: &[ClaimSlot]) -> Vec<i64> {
    let keys = slots.iter().flat_map(|slot| slot.grants.iter()).map(|grant| grant.key.0);
    keys.collect::<BTreeSet<_>>().into_iter().collect()
}

/// All that stands in the way in one lane. It is read once in each claim, inside its transaction: so it holds at every broker from
/// the moment on at which it was committed.
#[derive(Debug, Default)]
pub struct Gates {
    is_closed: bool,
    paused_functions: BTreeSet<String>,
    drained_names: BTreeSet<String>,
    are_limited: bool,
    revoked_grants: BTreeSet<GrantKey>,
}

impl FromIterator<Gate> for Gates {
    fn from_iter<I: IntoIterator<Item = Gate>>(found: I) -> Self {
        let mut gates = Self::default();
        for gate in found {
            match gate {
                Gate::Closed => gates.is_closed = true,
                Gate::PausedFunction(name) => _ = gates.paused_functions.insert(name),
                Gate::DrainedName(name) => _ = gates.drained_names.insert(name),
                Gate::Limited => gates.are_limited = true,
                Gate::RevokedGrant(key) => _ = gates.revoked_grants.insert(key),
            }
        }
        gates
    }
}

impl Gates {
    /// Whether nothing of the lane is handed out.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether limits have to be counted for this claim.
    pub fn are_limited(&self) -> bool {
        self.are_limited && !self.is_closed
    }

    /// Whether the process may be handed out to anybody.
    pub fn let_through(&self, candidate: &Candidate) -> bool {
        !self.is_closed && !self.paused_functions.contains(&candidate.function)
    }

    /// Whether somebody with this grant may be given anything under it.
    pub fn let_in(&self, grant: &SlotGrant) -> bool {
        !self.drained_names.contains(&grant.name) && !self.revoked_grants.contains(&grant.key)
    }

    /// The functions that are paused, for the statement that looks for candidates.
    pub fn paused_functions(&self) -> Vec<String> {
        self.paused_functions.iter().cloned().collect()
    }
}
