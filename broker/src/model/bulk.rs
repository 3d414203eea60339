//! Bulk actions, as kept.

use uuid::Uuid;

use super::{ColonyKey, ProcessCursor, ProcessFilter, ProcessState};

/// What is done to all processes that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAction {
    /// Cancelled.
    Cancel,
    /// Tried again, with all their retries.
    Redrive,
    /// Given up.
    Discard,
    /// Tried now.
    Retry,
    /// Deleted.
    Delete,
}

impl BulkAction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Cancel, Self::Redrive, Self::Discard, Self::Retry, Self::Delete];

    /// The word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Retry => "retry",
            Self::Delete => "delete",
        }
    }

    /// The action of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// The states that are looked in where none is named. What was given up, or found nobody in time, is tried again only on request.
    pub fn default_states(self) -> &'static [ProcessState] {
        if self == Self::Redrive { &[ProcessState::DeadLetter] } else { self.states() }
    }

    /// The states in which it can happen.
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

/// Where a bulk action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkState {
    /// Some broker goes on with it.
    Running,
    /// Somebody stopped it.
    Stopped,
    /// It is through.
    Finished,
}

impl BulkState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Stopped, Self::Finished];

    /// The word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One verb on all processes that match.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// The caller's choice, UUIDv7.
    pub bulk_id: Uuid,
    /// The tenant.
    pub colony: ColonyKey,
    /// What is done.
    pub action: BulkAction,
    /// To which processes.
    pub filter: ProcessFilter,
    /// Why.
    pub reason: String,
    /// Who started it.
    pub by: String,
    /// Where it is.
    pub state: BulkState,
    /// How many matched when it was started.
    pub matched: i64,
    /// How many it has changed.
    pub changed: i64,
    /// How many had moved on meanwhile.
    pub skipped: i64,
    /// When it was started.
    pub started_at_ms: i64,
    /// When it was finished or stopped.
    pub ended_at_ms: Option<i64>,
    /// The last process that it looked at; the next is the one submitted before.
    pub after: Option<ProcessCursor>,
}

/// How far a bulk action came in one step.
#[derive(Clone, Copy, Debug)]
pub struct BulkStep {
    /// How many more it changed.
    pub changed: i64,
    /// How many more had moved on.
    pub skipped: i64,
    /// The last process that it looked at.
    pub after: ProcessCursor,
    /// Until when it is held for the next step.
    pub held_until_ms: i64,
    /// When it was through; `None` if there is more.
    pub finished_at_ms: Option<i64>,
}
