//! Pauses, as kept.

/// The sorts of things that can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PauseKind {
    /// All work of the colony.
    Colony,
    /// The work for one executor type.
    ExecutorType,
    /// The work of one function.
    Function,
}

impl PauseKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Colony, Self::ExecutorType, Self::Function];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Colony => "colony",
            Self::ExecutorType => "executor_type",
            Self::Function => "function",
        }
    }

    /// Returns the kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A thing that can be paused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PauseTarget {
    /// The sort of thing.
    pub kind: PauseKind,
    /// The name; empty for the colony.
    pub name: String,
}

impl PauseTarget {
    /// Returns true if it covers the work of this function for this executor type.
    pub fn covers(&self, executor_type: &str, function: &str) -> bool {
        match self.kind {
            PauseKind::Colony => true,
            PauseKind::ExecutorType => self.name == executor_type,
            PauseKind::Function => self.name == function,
        }
    }
}

/// A pause, with its author and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The thing that is paused.
    pub what: PauseTarget,
    /// The name of the caller who paused it.
    pub by: String,
    /// The reason, in words.
    pub reason: String,
    /// The time of the pause.
    pub since_ms: i64,
}
