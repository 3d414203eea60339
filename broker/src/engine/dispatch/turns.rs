//! Colonies whose looks count limits, for which only one of them at a time gets the colony's lock: so only one of them is under way.
//! The others would each sit on a connection, and keep all other colonies from theirs. No I/O; the board has the lock.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::model::{ColonyKey, Lane};

/// Whose turn it is.
#[derive(Default)]
pub(in crate::engine) struct Turns {
    /// Colonies in which some look has counted limits. One that does so no more stays here: its lanes know better, each for itself.
    counting: HashSet<ColonyKey>,
    /// Colonies in which it is some lane's turn, and the lanes that come after it.
    taken: HashMap<ColonyKey, VecDeque<Lane>>,
}

impl Turns {
    /// A look of this colony counted limits.
    pub(in crate::engine) fn count(&mut self, colony: ColonyKey) {
        self.counting.insert(colony);
    }

    /// Whether looks of this colony take turns.
    pub(in crate::engine) fn are_for(&self, colony: ColonyKey) -> bool {
        self.counting.contains(&colony)
    }

    /// Whether it is the lane's turn now; else it comes out of [`end`](Self::end) in time.
    pub(in crate::engine) fn begin(&mut self, lane: &Lane) -> bool {
        match self.taken.entry(lane.colony) {
            Entry::Vacant(free) => {
                free.insert(VecDeque::new());
                true
            }
            Entry::Occupied(mut taken) => {
                taken.get_mut().push_back(lane.clone());
                false
            }
        }
    }

    /// A look whose turn it was is over: which lanes waited for that.
    pub(in crate::engine) fn end(&mut self, colony: ColonyKey) -> VecDeque<Lane> {
        self.taken.remove(&colony).unwrap_or_default()
    }
}
