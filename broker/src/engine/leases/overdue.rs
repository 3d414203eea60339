//! Leases that are over without a report from their holder.

use apiary_store::lifecycle::{self, Event};
use apiary_store::model::{AttemptEnding, Failure, LeaseRecord};

/// Returns the end of a lease that is over: the attempt is lost, or, at the deadline of a cancellation, cancelled.
pub(in crate::engine) fn end_of_overdue(lease: &LeaseRecord, now_ms: i64) -> Failure {
    let is_stopped = lease.cancel.as_ref().is_some_and(|mark| mark.deadline_ms <= now_ms);
    let is_too_long = lease.exec_deadline_ms.is_some_and(|deadline| deadline <= now_ms);
    let (ending, words) = if is_stopped {
        (AttemptEnding::Cancelled, "the executor did not stop by the deadline of the cancellation")
    } else if is_too_long {
        (AttemptEnding::ExecTimeExceeded, "the attempt took longer than `max_exec`")
    } else {
        (AttemptEnding::LeaseLost, "the executor did not renew its lease")
    };
    let event = if lease.cancel.is_some() { Event::Cancelled } else { Event::Lost };
    let (next, retries_spent) = lifecycle::after_attempt(event, lease.retries_spent, lease.max_retries);
    Failure {
        lease: lease.reference(),
        only_if_over_at_ms: Some(now_ms),
        ending,
        reason: words.to_owned(),
        result: None,
        next,
        blocked_until_ms: None,
        retries_spent,
    }
}
