//! New work for polls that wait: it is leased to them in the commit that stores it.

use std::sync::Arc;

use apiary_store::model::{ClaimSlot, ClaimedLease, Lane, LeaseRef};

use crate::Error;
use crate::engine::dispatch::dispatcher::Dispatcher;
use crate::engine::dispatch::polls::Pass;

/// Polls that wait for the end of a commit, which may have work for them. If it is dropped, they are answered with an error: work may have been
/// leased to them, and whoever names its leases in the next claim gets it then.
pub(in crate::engine) struct Reservation {
    dispatcher: Arc<Dispatcher>,
    pass: Pass,
    /// True once the polls were answered, or wait on.
    is_over: bool,
}

impl Reservation {
    /// Reserves polls of a lane for so many new processes. `None` if no poll waits there, or other work might.
    pub(in crate::engine) fn of(dispatcher: &Arc<Dispatcher>, lane: &Lane, count: usize) -> Option<Self> {
        let pass = dispatcher.reserve(lane, count)?;
        Some(Self { dispatcher: dispatcher.clone(), pass, is_over: false })
    }

    /// Returns the lane.
    pub(in crate::engine) fn lane(&self) -> &Lane {
        &self.pass.lane
    }

    /// Returns the reserved polls.
    pub(in crate::engine) fn slots(&self) -> &[ClaimSlot] {
        &self.pass.slots
    }

    /// Answers the polls with what was leased to them; those without anything wait on. Returns the leases of callers who went away, which the
    /// caller releases.
    #[must_use]
    pub(in crate::engine) fn give(mut self, claimed: Vec<ClaimedLease>) -> Vec<LeaseRef> {
        self.is_over = true;
        self.dispatcher.end_hand_over(&self.pass, claimed)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_over {
            self.dispatcher.break_hand_over(&self.pass, &outcome_unknown());
            self.dispatcher.wake(&self.pass.lane);
        }
    }
}

/// Returns the error for polls of a commit that may have leased work to them.
pub(super) fn outcome_unknown() -> Error {
    Error::Unavailable("the outcome of a claim is not known; claim again".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_store::model::ClaimResult;

    use super::*;
    use crate::engine::dispatch::fixtures::{gave, lane, lease, slot};

    const LONG: Duration = Duration::from_secs(600);

    /// Runs the pass of all new polls, which finds nothing.
    fn find_nothing(dispatcher: &Dispatcher) {
        let pass = dispatcher.queue().begin_pass().expect("a new poll has its pass");
        dispatcher.queue().end_pass(&pass, ClaimResult { is_lane_empty: true, ..ClaimResult::default() });
    }

    #[tokio::test]
    async fn polls_are_reserved_as_far_as_they_have_room_and_know_that_nothing_waits() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let mut first = Box::pin(dispatcher.poll(&lane, slot(7, 2), LONG));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(Reservation::of(&dispatcher, &lane, 9).is_none(), "work may wait");
        find_nothing(&dispatcher);
        let mut later = Box::pin(dispatcher.poll(&lane, slot(8, 5), LONG));
        assert!(futures::poll!(&mut later).is_pending());
        assert!(Reservation::of(&dispatcher, &lane, 9).is_none(), "the new poll's pass is due");
        find_nothing(&dispatcher);
        let counts = |count| {
            let reserved = Reservation::of(&dispatcher, &lane, count)?;
            assert!(Reservation::of(&dispatcher, &lane, count).is_none(), "one at a time");
            let counts = reserved.slots().iter().map(|slot| slot.count).collect::<Vec<_>>();
            dispatcher.queue().end_pass(&reserved.pass, ClaimResult::default());
            std::mem::forget(reserved);
            Some(counts)
        };
        assert_eq!([counts(1), counts(4), counts(9)], [Some(vec![1]), Some(vec![2, 2]), Some(vec![2, 5])]);
        dispatcher.wake(&lane);
        assert!(Reservation::of(&dispatcher, &lane, 1).is_none(), "work may have come");
    }

    #[tokio::test]
    async fn reserved_polls_get_what_was_leased_and_the_others_wait_on() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let mut one = Box::pin(dispatcher.poll(&lane, slot(7, 2), LONG));
        let mut other = Box::pin(dispatcher.poll(&lane, slot(7, 2), LONG));
        assert!(futures::poll!(&mut one).is_pending() && futures::poll!(&mut other).is_pending());
        find_nothing(&dispatcher);
        let reserved = Reservation::of(&dispatcher, &lane, 3).unwrap();
        assert_eq!(reserved.give(vec![lease(1), lease(1)]), []);
        assert_eq!(other.await.unwrap().claimed.len(), 2);
        assert!(futures::poll!(&mut one).is_pending());
        assert!(dispatcher.queue().begin_pass().is_none(), "the lane is still empty");
        let reserved = Reservation::of(&dispatcher, &lane, 3).unwrap();
        assert_eq!(reserved.give(vec![lease(0)]), []);
        assert_eq!(one.await.unwrap().claimed.len(), 1);
    }

    #[tokio::test]
    async fn what_is_leased_for_a_caller_who_left_meanwhile_is_told() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let mut poll = Box::pin(dispatcher.poll(&lane, slot(7, 1), LONG));
        assert!(futures::poll!(&mut poll).is_pending());
        find_nothing(&dispatcher);
        let (reserved, lease) = (Reservation::of(&dispatcher, &lane, 1).unwrap(), lease(0));
        drop(poll);
        assert_eq!(reserved.give(vec![lease.clone()]), [lease.reference()]);
    }

    #[tokio::test]
    async fn a_commit_of_unknown_outcome_is_an_error_for_its_polls_and_a_pass_looks_for_what_waits() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let mut poll = Box::pin(dispatcher.poll(&lane, slot(7, 1), LONG));
        assert!(futures::poll!(&mut poll).is_pending());
        find_nothing(&dispatcher);
        drop(Reservation::of(&dispatcher, &lane, 1).unwrap());
        assert!(matches!(poll.await, Err(Error::Unavailable(_))));
        let mut next = Box::pin(dispatcher.poll(&lane, slot(7, 1), LONG));
        assert!(futures::poll!(&mut next).is_pending());
        let pass = dispatcher.queue().begin_pass().expect("it may have been stored");
        dispatcher.queue().end_pass(&pass, gave(vec![lease(0)]));
        assert_eq!(next.await.unwrap().claimed.len(), 1);
    }
}
