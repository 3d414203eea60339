//! Kinds of events in a colony's stream. `docs/events.md` explains each.

use std::fmt;

/// The kind of an event: a change that the broker accepted, or a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// The colony was created.
    ColonyCreated,
    /// A grant was added.
    GrantAdded,
    /// Grants were revoked.
    GrantRevoked,
    /// The colony's rules for arguments were set.
    GuardSet,
    /// Work was paused.
    PauseAdded,
    /// A pause ended.
    PauseRemoved,
    /// A limit was set.
    LimitSet,
    /// A limit was removed.
    LimitRemoved,
    /// An executor registered for the first time, or asks for approval.
    ExecutorRegistered,
    /// An executor that asked for approval was rejected.
    ExecutorRejected,
    /// Executors of a name get no new work.
    ExecutorDrained,
    /// Executors of a name get work again.
    ExecutorUndrained,
    /// A process was cancelled, or told to stop.
    ProcessCancelled,
    /// A process was put back into the queue, or replaced.
    ProcessRedriven,
    /// A dead letter was given up.
    ProcessDiscarded,
    /// The block of a process was ended early.
    ProcessRetried,
    /// A process was deleted.
    ProcessDeleted,
    /// A bulk action was started.
    BulkStarted,
    /// A bulk action was stopped.
    BulkStopped,
    /// A stopped bulk action was resumed.
    BulkResumed,
    /// A bulk action came to its end.
    BulkFinished,
    /// A signature, or what it is over, was wrong.
    RefusedSignature,
    /// The key never had a grant of the colony.
    RefusedUnknownKey,
    /// Every grant of the key is revoked.
    RefusedRevoked,
    /// No grant of the key is valid at this time.
    RefusedExpired,
    /// The key has a valid grant, which does not permit this.
    RefusedScope,
    /// The document was signed too long ago, or in the future.
    RefusedTime,
    /// The request was used before.
    RefusedReplay,
    /// Too many calls, or too much at once.
    RefusedRate,
    /// Larger than a bound.
    RefusedSize,
    /// An executor refused work: its chain is broken, or its content is against the rules.
    RefusedWork,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 31] = [
        Self::ColonyCreated,
        Self::GrantAdded,
        Self::GrantRevoked,
        Self::GuardSet,
        Self::PauseAdded,
        Self::PauseRemoved,
        Self::LimitSet,
        Self::LimitRemoved,
        Self::ExecutorRegistered,
        Self::ExecutorRejected,
        Self::ExecutorDrained,
        Self::ExecutorUndrained,
        Self::ProcessCancelled,
        Self::ProcessRedriven,
        Self::ProcessDiscarded,
        Self::ProcessRetried,
        Self::ProcessDeleted,
        Self::BulkStarted,
        Self::BulkStopped,
        Self::BulkResumed,
        Self::BulkFinished,
        Self::RefusedSignature,
        Self::RefusedUnknownKey,
        Self::RefusedRevoked,
        Self::RefusedExpired,
        Self::RefusedScope,
        Self::RefusedTime,
        Self::RefusedReplay,
        Self::RefusedRate,
        Self::RefusedSize,
        Self::RefusedWork,
    ];

    /// Returns the word on the wire: the noun, a dot, and what happened to it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ColonyCreated => "colony.created",
            Self::GrantAdded => "grant.added",
            Self::GrantRevoked => "grant.revoked",
            Self::GuardSet => "guard.set",
            Self::PauseAdded => "pause.added",
            Self::PauseRemoved => "pause.removed",
            Self::LimitSet => "limit.set",
            Self::LimitRemoved => "limit.removed",
            Self::ExecutorRegistered => "executor.registered",
            Self::ExecutorRejected => "executor.rejected",
            Self::ExecutorDrained => "executor.drained",
            Self::ExecutorUndrained => "executor.undrained",
            Self::ProcessCancelled => "process.cancelled",
            Self::ProcessRedriven => "process.redriven",
            Self::ProcessDiscarded => "process.discarded",
            Self::ProcessRetried => "process.retried",
            Self::ProcessDeleted => "process.deleted",
            Self::BulkStarted => "bulk.started",
            Self::BulkStopped => "bulk.stopped",
            Self::BulkResumed => "bulk.resumed",
            Self::BulkFinished => "bulk.finished",
            Self::RefusedSignature => "refused.signature",
            Self::RefusedUnknownKey => "refused.unknown_key",
            Self::RefusedRevoked => "refused.revoked",
            Self::RefusedExpired => "refused.expired",
            Self::RefusedScope => "refused.scope",
            Self::RefusedTime => "refused.time",
            Self::RefusedReplay => "refused.replay",
            Self::RefusedRate => "refused.rate",
            Self::RefusedSize => "refused.size",
            Self::RefusedWork => "refused.work",
        }
    }

    /// Returns the kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns true for a refusal.
    pub fn is_refusal(self) -> bool {
        self.noun() == "refused"
    }

    /// Returns the part of the word before the dot, by which several kinds can be asked for at once.
    pub fn noun(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_of_one_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::ALL.iter().filter(|kind| kind.is_refusal()).count(), 10);
        assert_eq!(EventKind::from_word("refused"), None);
    }
}
