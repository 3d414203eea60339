//! Rights beyond a grant's role: their words, and which right includes which.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::strict;

/// A right beyond the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantRight {
    /// May read every process, grant and executor of the colony. Includes [`ReadOwn`](Self::ReadOwn).
    Read,
    /// May read the processes that its own key submitted.
    ReadOwn,
    /// May cancel every process of the colony. Includes [`CancelOwn`](Self::CancelOwn).
    Cancel,
    /// May cancel the processes that its own key submitted.
    CancelOwn,
    /// May redrive, discard, retry and limit. Includes [`Pause`](Self::Pause).
    Operate,
    /// May pause and resume functions, executor types and the colony.
    Pause,
    /// May manage schedules.
    Schedules,
    /// May drain executors, and reject those that wait for approval.
    Executors,
    /// May decide what waits for approval. Today these are executors, which it may list and reject; accepting one takes the colony's signature.
    Approve,
    /// May send signals to processes that run.
    Signal,
    /// May move finished processes into an archive, and restore them.
    Archive,
    /// May read the colony's events: who changed what, and who was refused.
    ReadEvents,
    /// May see arguments, outputs and log lines of processes that it may read.
    ViewPayloads,
}

impl GrantRight {
    /// Every right.
    pub const ALL: [Self; 13] = [
        Self::Read,
        Self::ReadOwn,
        Self::Cancel,
        Self::CancelOwn,
        Self::Operate,
        Self::Pause,
        Self::Schedules,
        Self::Executors,
        Self::Approve,
        Self::Signal,
        Self::Archive,
        Self::ReadEvents,
        Self::ViewPayloads,
    ];

    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadOwn => "read_own",
            Self::Cancel => "cancel",
            Self::CancelOwn => "cancel_own",
            Self::Operate => "operate",
            Self::Pause => "pause",
            Self::Schedules => "schedules",
            Self::Executors => "executors",
            Self::Approve => "approve",
            Self::Signal => "signal",
            Self::Archive => "archive",
            Self::ReadEvents => "read_events",
            Self::ViewPayloads => "view_payloads",
        }
    }

    /// Returns the right of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == word)
    }

    /// Returns the further rights that this one includes. Nothing else includes anything.
    pub fn included(self) -> &'static [Self] {
        match self {
            Self::Read => &[Self::ReadOwn],
            Self::Cancel => &[Self::CancelOwn],
            Self::Operate => &[Self::Pause],
            _ => &[],
        }
    }

    /// Returns `true` if whoever has this right has the other.
    pub fn gives(self, other: Self) -> bool {
        self == other || self.included().contains(&other)
    }
}

impl Serialize for GrantRight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for GrantRight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict::word(deserializer, &Self::ALL, Self::as_str)
    }
}
