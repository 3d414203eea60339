//! The life cycle of a process as one table from a state and an event to the next state.
//!
//! Two readers go by it. The engine asks [`after_attempt`] for the state after an attempt that failed or was lost, and hands it to the
//! store, whose statement checks the lease and moves the row. All other transitions are decided by the statements alone, each guarded by
//! the table that it deletes from (`claim.sql`, `complete.sql`, `cancel.sql`, `redrive.sql` and the like). `tests/store/lifecycle.rs` runs
//! every statement in every state on both databases, and compares the outcome with [`next`]; `docs/process-lifecycle.md` draws the table.

use crate::model::ProcessState;

/// An event in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The block is over.
    Ready,
    /// An executor claimed it.
    Claimed,
    /// No executor claimed it within `max_wait`.
    WaitOver,
    /// The executor reported success.
    Succeeded,
    /// The executor reported a failure that a retry may repair.
    FailedRetryable,
    /// The executor reported a failure that no retry can repair.
    FailedFinal,
    /// The executor rejected the spec: its signatures did not verify.
    Refused,
    /// The lease expired, or `max_exec` is over.
    Lost,
    /// The executor gave it back untouched.
    Released,
    /// The executor gave it back, to be tried again later.
    Snoozed,
    /// An authorized caller or a limit cancelled it, or a parent that it waits for will never succeed. Cancelling a running process is
    /// only a mark; this event is its attempt's end, however it ended.
    Cancelled,
    /// A redrive: the process is to be tried again, with all its retries; by an operator, or by its submitter's next spec with the same
    /// idempotency key.
    Redriven,
    /// An operator gave it up.
    Discarded,
    /// An operator replaced it by another process.
    Replaced,
    /// An operator ended its block early.
    Retried,
}

/// The effect of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The new state.
    pub state: ProcessState,
    /// True if a retry is spent.
    pub spends_retry: bool,
}

/// Returns the effect of an event. `None` means that the event cannot happen in that state and must be rejected.
pub fn next(state: ProcessState, event: Event, retry_left: bool) -> Option<Next> {
    use ProcessState::{Blocked, Cancelled, DeadLetter, Failed, Running, Succeeded, Waiting};
    let (state, spends_retry) = match (state, event) {
        (Blocked, Event::Ready | Event::Retried) => (Waiting, false),
        (Waiting, Event::Claimed) => (Running, false),
        (Waiting, Event::WaitOver) => (Failed, false),
        (Running, Event::Succeeded) => (Succeeded, false),
        (Running, Event::FailedRetryable) if retry_left => (Blocked, true),
        // A lost executor is not the work's fault: no back-off, and it keeps its place in the queue.
        (Running, Event::Lost) if retry_left => (Waiting, true),
        // Work without another attempt goes to the dead letters, where an operator looks for it.
        (Running, Event::FailedFinal | Event::FailedRetryable | Event::Lost | Event::Refused) => (DeadLetter, false),
        (Running, Event::Released) => (Waiting, false),
        (Running, Event::Snoozed) => (Blocked, false),
        (Waiting | Blocked | Running, Event::Cancelled) => (Cancelled, false),
        // The retries are counted anew; the attempt numbers go on.
        (DeadLetter | Failed, Event::Redriven) => (Waiting, false),
        (DeadLetter, Event::Discarded) => (Failed, false),
        (DeadLetter | Failed, Event::Replaced) => (Failed, false),
        _ => return None,
    };
    Some(Next { state, spends_retry })
}

/// Returns the next state of a running process, and the retries spent then. An event that ends no attempt, which the table does not
/// allow, makes it a dead letter.
pub fn after_attempt(event: Event, retries_spent: i32, max_retries: i32) -> (ProcessState, i32) {
    let next = next(ProcessState::Running, event, retry_left(retries_spent, max_retries));
    let Some(Next { state, spends_retry }) = next else { return (ProcessState::DeadLetter, retries_spent) };
    (state, retries_spent.saturating_add(i32::from(spends_retry)))
}

/// True if another attempt is left; always for −1 allowed retries.
pub fn retry_left(retries_spent: i32, max_retries: i32) -> bool {
    max_retries < 0 || retries_spent < max_retries
}

/// Returns the number of retries left after the present attempt; −1 for no limit.
pub fn retries_left(retries_spent: i32, max_retries: i32) -> i32 {
    if max_retries < 0 { -1 } else { max_retries.saturating_sub(retries_spent).max(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProcessState::{Blocked, DeadLetter, Failed, Running, Succeeded, Waiting};

    const EVENTS: [Event; 15] = [
        Event::Ready,
        Event::Claimed,
        Event::WaitOver,
        Event::Succeeded,
        Event::FailedRetryable,
        Event::FailedFinal,
        Event::Refused,
        Event::Lost,
        Event::Released,
        Event::Snoozed,
        Event::Cancelled,
        Event::Redriven,
        Event::Discarded,
        Event::Replaced,
        Event::Retried,
    ];

    #[test]
    fn only_an_operator_moves_what_is_finished_and_never_a_success_or_a_cancelled_one() {
        for state in ProcessState::ALL.into_iter().filter(|state| state.is_finished()) {
            for event in EVENTS {
                let may = match event {
                    Event::Redriven | Event::Replaced => matches!(state, DeadLetter | Failed),
                    Event::Discarded => state == DeadLetter,
                    _ => false,
                };
                assert_eq!(next(state, event, true).is_some(), may, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn what_is_not_finished_can_be_cancelled_and_then_stays_so() {
        for state in ProcessState::ALL {
            let after = next(state, Event::Cancelled, false).map(|after| after.state);
            assert_eq!(after, (!state.is_finished()).then_some(ProcessState::Cancelled), "{state:?}");
        }
    }

    #[test]
    fn giving_back_for_later_spends_no_retry() {
        assert_eq!(next(Running, Event::Snoozed, false), Some(Next { state: Blocked, spends_retry: false }));
        assert_eq!(next(Blocked, Event::Retried, false), Some(Next { state: Waiting, spends_retry: false }));
    }

    #[test]
    fn every_end_of_an_attempt_leaves_running() {
        for event in EVENTS {
            for retry_left in [true, false] {
                if let Some(after) = next(Running, event, retry_left) {
                    assert_ne!(after.state, Running, "{event:?}");
                    assert!(retry_left || !after.spends_retry, "{event:?} spends a retry that is not there");
                }
            }
        }
    }

    #[test]
    fn failures_are_retried_while_retries_last_and_then_set_aside() {
        assert_eq!(next(Running, Event::FailedRetryable, true), Some(Next { state: Blocked, spends_retry: true }));
        assert_eq!(next(Running, Event::Lost, true), Some(Next { state: Waiting, spends_retry: true }));
        for event in [Event::FailedRetryable, Event::Lost] {
            assert_eq!(next(Running, event, false), Some(Next { state: DeadLetter, spends_retry: false }));
        }
        for event in [Event::FailedFinal, Event::Refused] {
            assert_eq!(next(Running, event, true), Some(Next { state: DeadLetter, spends_retry: false }), "{event:?}");
        }
    }

    #[test]
    fn only_waiting_work_can_be_claimed() {
        for state in ProcessState::ALL {
            assert_eq!(next(state, Event::Claimed, true).is_some(), state == Waiting, "{state:?}");
        }
    }

    #[test]
    fn only_running_work_can_succeed() {
        for state in ProcessState::ALL {
            let after = next(state, Event::Succeeded, true).map(|after| after.state);
            assert_eq!(after, (state == Running).then_some(Succeeded), "{state:?}");
        }
    }

    #[test]
    fn minus_one_retry_means_no_limit() {
        assert!(retry_left(1_000_000, -1));
        assert_eq!(retries_left(5, -1), -1);
        assert!(!retry_left(0, 0));
        assert!(retry_left(0, 1) && !retry_left(1, 1));
        assert_eq!(retries_left(1, 3), 2);
    }
}
