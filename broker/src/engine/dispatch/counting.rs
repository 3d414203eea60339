//! Turns of the passes that count limits: they need the colony's lock, so one lane of a colony at a time has its pass. The others
//! would each occupy a connection, and keep all other colonies waiting. No I/O; the dispatcher holds the lock.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use apiary_store::model::{ColonyKey, Lane};

/// Turns of the lanes of each colony.
#[derive(Default)]
pub(in crate::engine) struct CountingTurns {
    /// Colonies in which some pass has counted limits; never removed, because each lane remembers whether its own last pass counted.
    counting: HashSet<ColonyKey>,
    /// Colonies in which a lane has its turn, and the lanes that come after it.
    taken: HashMap<ColonyKey, VecDeque<Lane>>,
}

impl CountingTurns {
    /// Notes that a pass of this colony counted limits.
    pub(in crate::engine) fn count(&mut self, colony: ColonyKey) {
        self.counting.insert(colony);
    }

    /// True if passes of this colony take turns.
    pub(in crate::engine) fn are_for(&self, colony: ColonyKey) -> bool {
        self.counting.contains(&colony)
    }

    /// Begins the lane's turn, if none is under way; otherwise [`end`](Self::end) returns the lane later.
    pub(in crate::engine) fn begin(&mut self, lane: &Lane) -> bool {
        match self.taken.entry(lane.colony) {
            Entry::Vacant(free) => {
                free.insert(VecDeque::new());
                true
            }
            Entry::Occupied(mut taken) => {
                // Only the lane waits, not a pass: it holds no connection, and its polls can still leave.
                taken.get_mut().push_back(lane.clone());
                false
            }
        }
    }

    /// Ends a turn; returns the lanes that waited for it.
    pub(in crate::engine) fn end(&mut self, colony: ColonyKey) -> VecDeque<Lane> {
        // All of them are due now; the first to begin makes the others wait again, in the same order.
        self.taken.remove(&colony).unwrap_or_default()
    }
}
