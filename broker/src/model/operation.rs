//! What operators do to processes, and what becomes of it.

use super::ProcessState;

/// A cancellation. What does not run is cancelled at once; a lease gets a mark, and ends at the deadline at the latest.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// When a lease ends at the latest. Of two cancellations the earlier deadline holds.
    pub deadline_ms: i64,
    /// Why, in words. Of two cancellations the first one's words are kept.
    pub reason: String,
    /// Who asked for it, by name.
    pub by: String,
}

/// A dead letter, given up.
#[derive(Clone, Debug)]
pub struct Discard {
    /// Why, in words.
    pub reason: String,
    /// Who asked for it, by name.
    pub by: String,
    /// That another process takes its place: then a failed process is marked so, too.
    pub is_replaced: bool,
}

/// How long finished processes are kept, in milliseconds; `None` for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Those that succeeded.
    pub succeeded_ms: Option<i64>,
    /// Those that failed.
    pub failed_ms: Option<i64>,
    /// Those that were cancelled.
    pub cancelled_ms: Option<i64>,
    /// Those that were set aside.
    pub dead_letters_ms: Option<i64>,
}

impl Retention {
    /// The states that are not kept for ever, and for how long they are.
    pub fn of_states(self) -> impl Iterator<Item = (ProcessState, i64)> {
        let kept = [
            (ProcessState::Succeeded, self.succeeded_ms),
            (ProcessState::Failed, self.failed_ms),
            (ProcessState::Cancelled, self.cancelled_ms),
            (ProcessState::DeadLetter, self.dead_letters_ms),
        ];
        kept.into_iter().filter_map(|(state, kept_ms)| Some((state, kept_ms?)))
    }
}

/// What became of one process that somebody wanted to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was changed; or, where the change is a mark, it has it.
    Changed,
    /// Nothing: it is in this state, in which that cannot be done.
    Unfit(ProcessState),
    /// Nothing: another process takes its place, or has.
    Replaced,
    /// Nothing: what is to take its place is there already.
    Taken,
    /// Nothing: it waits for other processes.
    HasParents,
    /// Nothing: the colony has no such process.
    Unknown,
}
