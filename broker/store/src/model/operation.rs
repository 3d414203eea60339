//! Operators' changes to processes, and their results.

use super::ProcessState;

/// A cancellation. A process that is not running is cancelled at once; a lease is marked, and ends at the deadline at the latest.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The latest end of a lease. Of two cancellations the earlier deadline applies.
    pub deadline_ms: i64,
    /// The reason, in words. The first cancellation's reason is kept.
    pub reason: String,
    /// The name of the caller who asked for it.
    pub by: String,
}

/// A request to give up a dead letter.
#[derive(Clone, Debug)]
pub struct Discard {
    /// The reason, in words.
    pub reason: String,
    /// The name of the caller who asked for it.
    pub by: String,
    /// True if another process replaces it. A failed process may be replaced, too, and is then marked so.
    pub is_replaced: bool,
}

/// The result of a change to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Success: the process was changed; or, where the change is a mark, it has the mark.
    Changed,
    /// Nothing changed: the process is in this state, in which the change is impossible.
    WrongState(ProcessState),
    /// Nothing changed: another process replaces it, or has replaced it.
    Replaced,
    /// Nothing changed: the id of its replacement exists already.
    Taken,
    /// Nothing changed: it waits for other processes.
    HasParents,
    /// Nothing changed: the colony has no such process.
    Unknown,
}
