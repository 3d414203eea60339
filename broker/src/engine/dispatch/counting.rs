//! Passes that count limits: they need the colony's lock, so one lane of a colony at a time has its pass. The others would each sit on
//! a connection, and keep all other colonies from theirs. No I/O; the dispatcher limited the lock.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::model::{ColonyKey, Lane};

/// The lanes of each colony that take turns.
#[derive(Default)]
pub(in crate::engine) struct CountingTurns {
    /// Colonies in which some pass has counted limits. One that does so no more stays here: its lanes know better, each for itself.
    counting: HashSet<ColonyKey>,
    /// Colonies in which it is some lane's turn, and the lanes that come after it.
    taken: HashMap<ColonyKey, VecDeque<Lane>>,
}

impl CountingTurns {
    /// Notes that a pass of this colony counted limits.
    pub(in crate::engine) fn count(&mut self, colony: ColonyKey) {
        self.counting.insert(colony);
    }

    /// Returns whether passes of this colony take turns.
    pub(in crate::engine) fn are_for(&self, colony: ColonyKey) -> bool {
        self.counting.contains(&colony)
    }

    /// Begins the lane's turn, if it may now; else the lane comes out of [`end`](Self::end) in time.
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

    /// Ends a turn; returns the lanes that waited for that.
    pub(in crate::engine) fn end(&mut self, colony: ColonyKey) -> VecDeque<Lane> {
        self.taken.remove(&colony).unwrap_or_default()
    }
}
