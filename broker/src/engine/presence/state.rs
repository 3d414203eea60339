//! The state that an executor is in, derived from what is known of it: a pure function, and nothing that is stored.

/// How long an executor may not be heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresenceTimes {
    /// After so long it is silent, in milliseconds.
    pub(crate) silent_after_ms: i64,
    /// After so long it is gone, in milliseconds.
    pub(crate) gone_after_ms: i64,
}

/// The state of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It registered, and never had a grant.
    Pending,
    /// It was turned down.
    Rejected,
    /// It is there, and has nothing to do.
    Idle,
    /// It holds leases.
    Busy,
    /// It is there, and is to take no new work.
    Draining,
    /// It was not heard for a while.
    Silent,
    /// It was not heard for long, or never.
    Gone,
    /// Its grants are revoked or over.
    Removed,
}

/// What grants say about an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// One is in force for its executor type.
    InForce,
    /// There was one, which is revoked or over.
    Ended,
    /// There was never one.
    Never,
}

/// What is known of an executor at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// What its grants say.
    pub(crate) standing: Standing,
    /// Whether it was turned down.
    pub(crate) is_rejected: bool,
    /// Whether its name is drained.
    pub(crate) is_drained: bool,
    /// How many leases it holds that are not over.
    pub(crate) running: i64,
    /// When it was heard last.
    pub(crate) heard_ms: Option<i64>,
}

impl Presence {
    /// All of them, in the order of a life.
    pub(crate) const ALL: [Self; 8] = [
        Self::Pending,
        Self::Rejected,
        Self::Idle,
        Self::Busy,
        Self::Draining,
        Self::Silent,
        Self::Gone,
        Self::Removed,
    ];

    /// The state at this moment. Permission comes first. Who holds a lease is there, however long ago it was heard: a lease is
    /// renewed, or it ends.
    pub(crate) fn at(now_ms: i64, facts: &Facts, times: PresenceTimes) -> Self {
        match facts.standing {
            Standing::Never if facts.is_rejected => return Self::Rejected,
            Standing::Never => return Self::Pending,
            Standing::Ended => return Self::Removed,
            Standing::InForce => {}
        }
        let quiet_ms = facts.heard_ms.map_or(i64::MAX, |heard_ms| now_ms.saturating_sub(heard_ms));
        if facts.running == 0 && quiet_ms >= times.gone_after_ms {
            Self::Gone
        } else if facts.running == 0 && quiet_ms >= times.silent_after_ms {
            Self::Silent
        } else if facts.is_drained {
            Self::Draining
        } else if facts.running > 0 {
            Self::Busy
        } else {
            Self::Idle
        }
    }

    /// Whether it may take work, and was heard not too long ago: whoever waits for it has reason to.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Idle | Self::Busy | Self::Draining | Self::Silent)
    }

    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Silent => "silent",
            Self::Gone => "gone",
            Self::Removed => "removed",
        }
    }

    /// The state of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: PresenceTimes = PresenceTimes { silent_after_ms: 60_000, gone_after_ms: 120_000 };
    const THERE: Facts =
        Facts { standing: Standing::InForce, is_rejected: false, is_drained: false, running: 0, heard_ms: Some(0) };

    fn after(seconds: i64, facts: Facts) -> Presence {
        Presence::at(seconds * 1000, &facts, TIMES)
    }

    #[test]
    fn an_executor_is_silent_after_a_minute_and_gone_after_two() {
        let states: Vec<_> = [0, 59, 60, 119, 120].into_iter().map(|seconds| after(seconds, THERE)).collect();
        assert_eq!(states, [Presence::Idle, Presence::Idle, Presence::Silent, Presence::Silent, Presence::Gone]);
        assert_eq!(after(0, Facts { heard_ms: None, ..THERE }), Presence::Gone, "granted, and never heard");
    }

    #[test]
    fn who_holds_a_lease_is_busy_however_long_ago_it_was_heard() {
        let working = Facts { running: 1, ..THERE };
        assert_eq!((after(0, working), after(1000, working)), (Presence::Busy, Presence::Busy));
    }

    #[test]
    fn who_drains_does_so_until_it_is_not_heard_any_more() {
        let drained = Facts { is_drained: true, ..THERE };
        assert_eq!((after(0, drained), after(120, drained)), (Presence::Draining, Presence::Gone));
        assert_eq!(after(120, Facts { running: 1, ..drained }), Presence::Draining);
    }

    #[test]
    fn without_a_grant_nothing_else_counts() {
        let busy = Facts { running: 3, is_drained: true, ..THERE };
        assert_eq!(after(0, Facts { standing: Standing::Never, ..busy }), Presence::Pending);
        assert_eq!(after(0, Facts { standing: Standing::Never, is_rejected: true, ..busy }), Presence::Rejected);
        assert_eq!(after(0, Facts { standing: Standing::Ended, ..busy }), Presence::Removed);
    }

    #[test]
    fn every_state_is_found_by_its_word() {
        for state in Presence::ALL {
            assert_eq!(Presence::from_word(state.as_str()), Some(state));
        }
        assert_eq!(Presence::from_word("asleep"), None);
    }
}
