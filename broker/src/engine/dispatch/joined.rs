//! Claims that are made by another commit: the end of attempts and the claim of the next work are one transaction.

use std::sync::Arc;

use apiary_store::model::{ClaimResult, ClaimSlot, Lane, LeaseRef};

use crate::engine::dispatch::dispatcher::{Dispatcher, Joined, JoinedPoll};
use crate::engine::dispatch::hand_over::outcome_unknown;
use crate::engine::dispatch::polls::Pass;

/// A pass that a commit makes beside its own writes. If it is dropped, its polls get an error or wait on, as after any pass that failed.
pub(in crate::engine) struct JoinedPass {
    dispatcher: Arc<Dispatcher>,
    pass: Pass,
    /// True once it ended.
    is_over: bool,
    /// The numbers of the polls that came with the commit.
    joined: Vec<u64>,
}

/// Adds these claims, and begins a pass over the lane of the first one, for all that wait in it. A claim without a poll gets nothing.
pub(in crate::engine) fn join<'a>(
    dispatcher: &Arc<Dispatcher>,
    claims: impl Iterator<Item = (&'a Lane, &'a ClaimSlot)>,
) -> (Vec<Option<JoinedPoll>>, Option<JoinedPass>) {
    let Joined { polls, pass, ids: joined } = dispatcher.join(claims);
    (polls, pass.map(|pass| JoinedPass { dispatcher: dispatcher.clone(), pass, is_over: false, joined }))
}

impl JoinedPass {
    /// Returns the lane of the claim.
    pub(in crate::engine) fn lane(&self) -> &Lane {
        &self.pass.lane
    }

    /// Returns the polls of the claim.
    pub(in crate::engine) fn slots(&self) -> &[ClaimSlot] {
        &self.pass.slots
    }

    /// Answers the polls; returns the leases of callers who went away, which the caller releases.
    #[must_use]
    pub(in crate::engine) fn end(mut self, claims: ClaimResult, now_ms: i64) -> Vec<LeaseRef> {
        self.is_over = true;
        self.dispatcher.end_joined(&self.pass, claims, now_ms)
    }

    /// Ends the pass without a claim: who came with the commit gets nothing, and the others wait for a pass of the dispatcher.
    pub(in crate::engine) fn leave(mut self) {
        self.is_over = true;
        self.dispatcher.leave_joined(&self.pass, &self.joined);
    }
}

impl Drop for JoinedPass {
    fn drop(&mut self) {
        if !self.is_over {
            self.dispatcher.break_joined(&self.pass, &outcome_unknown());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Error;
    use crate::engine::dispatch::fixtures::{gave, lane, lease, slot};

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn claims_of_the_first_lane_join_with_all_who_wait_there_and_others_get_nothing() {
        let (dispatcher, here, there) =
            (Arc::new(Dispatcher::default()), lane(), Lane { executor_type: "u".into(), ..lane() });
        let mut waiting = Box::pin(dispatcher.poll(&here, slot(7, 1), LONG));
        assert!(futures::poll!(&mut waiting).is_pending());
        let slots = [slot(7, 2), slot(7, 3), slot(7, 1)];
        let claims = [(&here, &slots[0]), (&there, &slots[1]), (&here, &slots[2])];
        let (mut polls, pass) = join(&dispatcher, claims.into_iter());
        let pass = pass.unwrap();
        assert_eq!((pass.lane(), pass.slots().len()), (&here, 3));
        assert_eq!(polls.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        assert!(join(&dispatcher, claims.into_iter().take(1)).1.is_none(), "one pass at a time");
        assert!(dispatcher.queue().begin_pass().is_none(), "and none of the dispatcher beside it");
        assert_eq!(pass.end(gave(vec![lease(0), lease(1), lease(1)]), 0), []);
        assert_eq!(waiting.await.unwrap().claimed.len(), 1);
        assert_eq!(polls.remove(0).unwrap().answered().await.unwrap().claimed.len(), 2);
        assert_eq!(polls.remove(1).unwrap().answered().await.unwrap().claimed.len(), 0);
    }

    #[tokio::test]
    async fn a_pass_that_is_left_answers_who_joined_and_no_other() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let mut waiting = Box::pin(dispatcher.poll(&lane, slot(7, 1), LONG));
        assert!(futures::poll!(&mut waiting).is_pending());
        let (mut polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(7, 1))));
        pass.unwrap().leave();
        assert!(polls.remove(0).unwrap().answered().await.unwrap().claimed.is_empty());
        let pass = dispatcher.queue().begin_pass().expect("the other has its own");
        dispatcher.queue().end_pass(&pass, gave(vec![lease(0)]));
        assert_eq!(waiting.await.unwrap().claimed.len(), 1);
    }

    #[tokio::test]
    async fn a_commit_of_unknown_outcome_is_an_error_and_leases_for_nobody_are_told() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let (mut polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(7, 1))));
        drop(pass);
        assert!(matches!(polls.remove(0).unwrap().answered().await, Err(Error::Unavailable(_))));
        let (polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(7, 1))));
        drop(polls);
        let lease = lease(0);
        assert_eq!(pass.unwrap().end(gave(vec![lease.clone()]), 0), [lease.reference()]);
    }

    #[tokio::test]
    async fn an_empty_lane_costs_nothing() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane());
        let (_polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(7, 1))));
        let empty = ClaimResult { is_lane_empty: true, ..ClaimResult::default() };
        assert_eq!(pass.unwrap().end(empty, 0), []);
        let (polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(7, 1))));
        assert!(pass.is_none() && polls[0].is_none());
    }
}
