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
    /// An executor with a grant registered for the first time.
    ExecutorRegistered,
    /// A key without a grant asks for approval as an executor.
    ExecutorAsked,
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
    /// A finished process was put back from the archive.
    ProcessRestored,
    /// An object of the archive was recorded.
    ArchiveAdded,
    /// A bulk action was started.
    BulkStarted,
    /// A bulk action was stopped.
    BulkStopped,
    /// A stopped bulk action was resumed.
    BulkResumed,
    /// A bulk action came to its end.
    BulkFinished,
    /// A key made its first call from a network, after calls from others.
    KeyNewAddress,
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

/// A class of events. Each has a bound of its own in a colony's stream, so that whoever causes events of one class pushes out none of
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventClass {
    /// Changes by members: pauses, limits, executors, processes, bulk actions.
    Operation,
    /// Refusals, which anybody can cause.
    Refusal,
    /// Changes that need the key of the colony or of the server's owner.
    Owner,
    /// Requests of keys without a grant, which anybody can make.
    Newcomer,
    /// New addresses of known keys.
    Address,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 35] = [
        Self::ColonyCreated,
        Self::GrantAdded,
        Self::GrantRevoked,
        Self::GuardSet,
        Self::PauseAdded,
        Self::PauseRemoved,
        Self::LimitSet,
        Self::LimitRemoved,
        Self::ExecutorRegistered,
        Self::ExecutorAsked,
        Self::ExecutorRejected,
        Self::ExecutorDrained,
        Self::ExecutorUndrained,
        Self::ProcessCancelled,
        Self::ProcessRedriven,
        Self::ProcessDiscarded,
        Self::ProcessRetried,
        Self::ProcessDeleted,
        Self::ProcessRestored,
        Self::ArchiveAdded,
        Self::BulkStarted,
        Self::BulkStopped,
        Self::BulkResumed,
        Self::BulkFinished,
        Self::KeyNewAddress,
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
            Self::ExecutorAsked => "executor.asked",
            Self::ExecutorRejected => "executor.rejected",
            Self::ExecutorDrained => "executor.drained",
            Self::ExecutorUndrained => "executor.undrained",
            Self::ProcessCancelled => "process.cancelled",
            Self::ProcessRedriven => "process.redriven",
            Self::ProcessDiscarded => "process.discarded",
            Self::ProcessRetried => "process.retried",
            Self::ProcessDeleted => "process.deleted",
            Self::ProcessRestored => "process.restored",
            Self::ArchiveAdded => "archive.added",
            Self::BulkStarted => "bulk.started",
            Self::BulkStopped => "bulk.stopped",
            Self::BulkResumed => "bulk.resumed",
            Self::BulkFinished => "bulk.finished",
            Self::KeyNewAddress => "key.new_address",
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
        self.class() == EventClass::Refusal
    }

    /// Returns the class, by whoever can cause such events.
    pub fn class(self) -> EventClass {
        match self {
            Self::ColonyCreated | Self::GrantAdded | Self::GrantRevoked | Self::GuardSet => EventClass::Owner,
            Self::ExecutorAsked => EventClass::Newcomer,
            Self::KeyNewAddress => EventClass::Address,
            _ if self.noun() == "refused" => EventClass::Refusal,
            _ => EventClass::Operation,
        }
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

impl EventClass {
    /// Every class, in the order of the numbers.
    pub const ALL: [Self; 5] = [Self::Operation, Self::Refusal, Self::Owner, Self::Newcomer, Self::Address];

    /// Returns the number that databases store.
    pub fn number(self) -> i16 {
        match self {
            Self::Operation => 0,
            Self::Refusal => 1,
            Self::Owner => 2,
            Self::Newcomer => 3,
            Self::Address => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_in_their_order() {
        for (number, class) in (0..).zip(EventClass::ALL) {
            assert_eq!(class.number(), number);
            assert!(EventKind::ALL.into_iter().any(|kind| kind.class() == class), "{class:?} has a kind");
        }
        assert_eq!(EventKind::GrantRevoked.class(), EventClass::Owner);
        assert_eq!(EventKind::PauseAdded.class(), EventClass::Operation);
    }

    #[test]
    fn a_word_is_of_one_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::ALL.iter().filter(|kind| kind.is_refusal()).count(), 10);
        assert_eq!(EventKind::from_word("refused"), None);
    }
}
