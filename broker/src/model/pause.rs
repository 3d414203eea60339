//! Pauses, as kept.

/// What can be paused.
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

    /// The word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Colony => "colony",
            Self::ExecutorType => "executor_type",
            Self::Function => "function",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that can be paused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Paused {
    /// What sort of thing.
    pub kind: PauseKind,
    /// Which one; empty for the colony.
    pub name: String,
}

impl Paused {
    /// Whether this is paused with it: the work of one function for one executor type.
    pub fn covers(&self, executor_type: &str, function: &str) -> bool {
        match self.kind {
            PauseKind::Colony => true,
            PauseKind::ExecutorType => self.name == executor_type,
            PauseKind::Function => self.name == function,
        }
    }
}

/// A pause: who paused what, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What is paused.
    pub what: Paused,
    /// Who paused it.
    pub by: String,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since_ms: i64,
}
