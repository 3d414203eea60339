//! Retention of finished processes: its times, its ranges, and what keeps a process from leaving.

use super::{ColonyKey, ProcessState};

/// Retention times of finished processes, in milliseconds; `None` for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// The time for processes that succeeded.
    pub succeeded_ms: Option<i64>,
    /// The time for processes that failed.
    pub failed_ms: Option<i64>,
    /// The time for processes that were cancelled.
    pub cancelled_ms: Option<i64>,
    /// The time for dead letters.
    pub dead_letters_ms: Option<i64>,
}

impl Retention {
    /// Returns the states that are not kept for ever, each with its retention time.
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

/// A range of finished processes that are to leave, in the order of their ends.
#[derive(Clone, Copy, Debug)]
pub struct RetentionRange {
    /// The colony.
    pub colony: ColonyKey,
    /// The state that they finished in.
    pub state: ProcessState,
    /// The time after which they finished.
    pub after_ms: i64,
    /// The time by which they finished.
    pub until_ms: i64,
    /// The number of processes to read. Those that finished in the same millisecond as the last are read, too.
    pub rows: i64,
    /// The time.
    pub now_ms: i64,
    /// Specs that can be submitted after this time are recorded, so that they do not run again.
    pub record_after_ms: i64,
}

/// The result of a deletion of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeResult {
    /// The number of processes read. Fewer than asked for means that the range has no more.
    pub read: i64,
    /// The number of processes deleted. The others were kept.
    pub deleted: i64,
    /// The end of the last process read: the next range begins after it.
    pub last_ms: Option<i64>,
}

/// A hold on a colony's history: nothing that finished at this time or later leaves by retention while it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionHold {
    /// The name.
    pub name: String,
    /// The time.
    pub from_ms: i64,
}

/// The reasons why the first processes of a range are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionBacklog {
    /// The end of the first process that could leave.
    pub first_ms: Option<i64>,
    /// The number of processes that could leave, unless a hold keeps them.
    pub free: i64,
    /// The number of processes that live idempotency keys keep.
    pub keys: i64,
    /// The number of processes that others wait for.
    pub children: i64,
}
