//! What becomes of processes that wait for others.

use uuid::Uuid;

use super::{ColonyKey, ProcessState};

/// How a process ended for ever, as far as those care that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentEnd {
    /// It succeeded.
    Succeeded,
    /// Another took its place, and is waited for instead.
    Replaced(Uuid),
    /// It never will succeed: it was cancelled.
    Cancelled,
    /// It never will succeed: it was deleted before.
    Deleted,
}

/// A process that failed while others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedParent {
    /// The process.
    pub process_id: Uuid,
    /// The number of processes that wait for it.
    pub count: i64,
    /// Since when the first of them does.
    pub since_ms: i64,
}

/// A process that another is to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Where it is.
    pub state: ProcessState,
    /// Which process took its place.
    pub replaced_by: Option<Uuid>,
}

/// What became of those that waited for processes that ended.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The number of waits of one process for another that were ended, or passed on.
    pub ended: usize,
    /// Those that wait for nobody any more: [`unblock`](crate::store::Store::unblock) frees them.
    pub freed: Vec<Uuid>,
    /// Those that are waited for now in the place of others. They may have ended, too.
    pub replacements: Vec<Uuid>,
    /// Those that were cancelled, because what they waited for never succeeds.
    pub cancelled: Vec<(ColonyKey, Uuid)>,
}
