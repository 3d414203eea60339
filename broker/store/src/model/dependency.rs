//! Processes that wait for other processes.

use uuid::Uuid;

use super::{ColonyKey, ProcessState};

/// The final outcome of a process, for the processes that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentEnd {
    /// Success.
    Succeeded,
    /// Replacement by another process, which is waited for instead.
    Replaced(Uuid),
    /// Cancellation: it will never succeed.
    Cancelled,
    /// Deletion before it succeeded: it will never succeed.
    Deleted,
}

/// A process that failed while others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedParent {
    /// The process.
    pub process_id: Uuid,
    /// The number of processes that wait for it.
    pub count: i64,
    /// The time since which the first of them waits.
    pub since_ms: i64,
}

/// A process that another is to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The state.
    pub state: ProcessState,
    /// The process that replaced it.
    pub replaced_by: Option<Uuid>,
}

/// The result of ending the waits for processes that ended.
#[derive(Clone, Debug, Default)]
pub struct SettleResult {
    /// The number of waits of one process for another that were ended, or passed on.
    pub ended: usize,
    /// Processes that wait for no other any more: [`unblock`](crate::SweepStore::unblock) frees them.
    pub freed: Vec<Uuid>,
    /// Replacements that are waited for now. They may have ended, too.
    pub replacements: Vec<Uuid>,
    /// Processes that were cancelled, because what they waited for never succeeds.
    pub cancelled: Vec<(ColonyKey, Uuid)>,
}
