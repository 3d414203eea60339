//! The state of an executor, derived from the known facts: a pure function; the state is never stored.

/// Times without a sign of an executor, after which its state changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresenceTimes {
    /// The time after which it is silent, in milliseconds.
    pub(crate) silent_after_ms: i64,
    /// The time after which it is gone, in milliseconds.
    pub(crate) gone_after_ms: i64,
}

/// The state of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Registered, and never granted.
    Pending,
    /// Turned down by an operator.
    Rejected,
    /// Present, without a lease.
    Idle,
    /// Present, with leases.
    Busy,
    /// Present, and to take no new work.
    Draining,
    /// Not heard for a while.
    Silent,
    /// Not heard for long, or never.
    Gone,
    /// Without a grant in force: revoked or over.
    Removed,
}

/// The standing of an executor's grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantStatus {
    /// A grant is in force for its executor type.
    InForce,
    /// Every grant for its executor type is revoked or over.
    Ended,
    /// No grant was ever given.
    Never,
}

/// The known facts about an executor at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The standing of its grants.
    pub(crate) standing: GrantStatus,
    /// True if an operator turned it down.
    pub(crate) is_rejected: bool,
    /// True if its name is drained.
    pub(crate) is_drained: bool,
    /// The number of its leases that are not over.
    pub(crate) running: i64,
    /// When it was last heard.
    pub(crate) heard_ms: Option<i64>,
}

impl Presence {
    /// Every state, in the order of a life.
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

    /// Returns the state at this moment. Permission comes first. An executor with a lease counts as present even if it was not
    /// heard for long: a lease is renewed, or it ends.
    pub(crate) fn at(now_ms: i64, facts: &Facts, times: PresenceTimes) -> Self {
        // A rejection counts only until there is a grant: granting a rejected key approves it.
        match facts.standing {
            GrantStatus::Never if facts.is_rejected => return Self::Rejected,
            GrantStatus::Never => return Self::Pending,
            GrantStatus::Ended => return Self::Removed,
            GrantStatus::InForce => {}
        }
        // A granted executor that was never heard counts as gone, not as silent: no time is known from which it could be late.
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

    /// True if it may take work, and was heard recently: its polls can be expected.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Idle | Self::Busy | Self::Draining | Self::Silent)
    }

    /// Returns the word on the wire.
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

    /// Returns the state of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: PresenceTimes = PresenceTimes { silent_after_ms: 60_000, gone_after_ms: 120_000 };
    const THERE: Facts =
        Facts { standing: GrantStatus::InForce, is_rejected: false, is_drained: false, running: 0, heard_ms: Some(0) };

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
        assert_eq!(after(0, Facts { standing: GrantStatus::Never, ..busy }), Presence::Pending);
        assert_eq!(after(0, Facts { standing: GrantStatus::Never, is_rejected: true, ..busy }), Presence::Rejected);
        assert_eq!(after(0, Facts { standing: GrantStatus::Ended, ..busy }), Presence::Removed);
    }

    #[test]
    fn every_state_is_found_by_its_word() {
        for state in Presence::ALL {
            assert_eq!(Presence::from_word(state.as_str()), Some(state));
        }
        assert_eq!(Presence::from_word("asleep"), None);
    }
}
