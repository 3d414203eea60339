//! Bulk actions, as kept.

use uuid::Uuid;

use super::{ColonyKey, ProcessCursor, ProcessFilter, ProcessState};

/// The change that a bulk action makes to every process that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAction {
    /// Cancel them.
    Cancel,
    /// Try them again, with all their retries.
    Redrive,
    /// Give them up.
    Discard,
    /// Try blocked ones now.
    Retry,
    /// Delete them.
    Delete,
}

impl BulkAction {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Cancel, Self::Redrive, Self::Discard, Self::Retry, Self::Delete];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Retry => "retry",
            Self::Delete => "delete",
        }
    }

    /// Returns the action of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// Returns the states to search if the filter names none. A redrive then leaves out [`ProcessState::Failed`]: work that was given up,
    /// or found no executor in time, is tried again only on request.
    pub fn default_states(self) -> &'static [ProcessState] {
        if self == Self::Redrive { &[ProcessState::DeadLetter] } else { self.states() }
    }

    /// Returns the states in which the action is possible.
    pub fn states(self) -> &'static [ProcessState] {
        use ProcessState::{Blocked, Cancelled, DeadLetter, Failed, Running, Succeeded, Waiting};
        match self {
            Self::Cancel => &[Waiting, Blocked, Running],
            Self::Redrive => &[DeadLetter, Failed],
            Self::Discard => &[DeadLetter],
            Self::Retry => &[Blocked],
            Self::Delete => &[Waiting, Blocked, Succeeded, Failed, Cancelled, DeadLetter],
        }
    }
}

/// The state of a bulk action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkState {
    /// In progress: some broker takes its next step.
    Running,
    /// Stopped by an operator.
    Stopped,
    /// Complete.
    Finished,
}

impl BulkState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Running, Self::Stopped, Self::Finished];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }

    /// Returns the state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A bulk action: one verb on all processes that match a filter.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// The caller's choice, UUIDv7.
    pub bulk_id: Uuid,
    /// The tenant.
    pub colony: ColonyKey,
    /// The change to make.
    pub action: BulkAction,
    /// The processes to change.
    pub filter: ProcessFilter,
    /// The reason, in words.
    pub reason: String,
    /// The name of the operator who started it.
    pub by: String,
    /// The state.
    pub state: BulkState,
    /// The number of processes that matched at the start.
    pub matched: i64,
    /// True if more may match: only the newest processes were counted.
    pub more_may_match: bool,
    /// The number of processes changed so far.
    pub changed: i64,
    /// The number of processes left alone so far, because the action did not apply to them when their turn came.
    pub skipped: i64,
    /// When it was started.
    pub started_at_ms: i64,
    /// When it was finished or stopped.
    pub ended_at_ms: Option<i64>,
    /// The last process that was examined; the next is the one submitted before it.
    pub after: Option<ProcessCursor>,
}

/// The progress of a bulk action in one step.
#[derive(Clone, Copy, Debug)]
pub struct BulkStep {
    /// The number of processes changed in this step.
    pub changed: i64,
    /// The number of processes left alone in this step.
    pub skipped: i64,
    /// The last process that was examined.
    pub after: ProcessCursor,
    /// The end of this broker's hold on the bulk action; after it another broker may take the next step.
    pub held_until_ms: i64,
    /// The time of completion; `None` if there is more to do.
    pub finished_at_ms: Option<i64>,
}
