//! Claims that are made by another commit: the end of attempts and the claim of the next work are one transaction.

use std::sync::Arc;

use apiary_store::model::{ClaimResult, ClaimSlot, Lane, LeaseRef};

use crate::Error;
use crate::engine::dispatch::dispatcher::{Dispatcher, Joined, JoinedPoll};
use crate::engine::dispatch::polls::Pass;

/// A pass that a commit makes beside its own writes. If it is dropped, its polls get an error or wait on, as after any pass that failed.
pub(in crate::engine) struct JoinedPass {
    dispatcher: Arc<Dispatcher>,
    /// `None` once it ended.
    pass: Option<Pass>,
    /// The numbers of the polls that came with the commit.
    joined: Vec<u64>,
}

/// Adds these claims, and begins a pass over the lane of the first one, for all that wait in it. A claim without a poll gets nothing.
pub(in crate::engine) fn join<'a>(
    dispatcher: &Arc<Dispatcher>,
    claims: impl Iterator<Item = (&'a Lane, &'a ClaimSlot)>,
) -> (Vec<Option<JoinedPoll>>, Option<JoinedPass>) {
    let Joined { polls, pass, ids: joined } = dispatcher.join(claims);
    (polls, pass.map(|pass| JoinedPass { dispatcher: dispatcher.clone(), pass: Some(pass), joined }))
}

impl JoinedPass {
    /// Returns the lane and the slots of the claim.
    pub(in crate::engine) fn claim(&self) -> Option<(&Lane, &[ClaimSlot])> {
        self.pass.as_ref().map(|pass| (&pass.lane, &*pass.slots))
    }

    /// Answers the polls; returns the leases of callers who went away, which the caller releases.
    #[must_use]
    pub(in crate::engine) fn end(mut self, claims: ClaimResult, now_ms: i64) -> Vec<LeaseRef> {
        self.pass.take().map(|pass| self.dispatcher.end_joined(&pass, claims, now_ms)).unwrap_or_default()
    }

    /// Ends the pass without a claim: who came with the commit gets nothing, and the others wait for a pass of the dispatcher.
    pub(in crate::engine) fn leave(mut self) {
        if let Some(pass) = self.pass.take() {
            self.dispatcher.leave_joined(&pass, &self.joined);
        }
    }
}

impl Drop for JoinedPass {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let error = Error::Unavailable("the outcome of a claim is not known; claim again".to_owned());
            self.dispatcher.break_joined(&pass, &error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::{Offer, Scopes};
    use apiary_store::model::{ClaimedLease, ColonyKey, GrantKey, SlotGrant};
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn lane(executor_type: &str) -> Lane {
        Lane { colony: ColonyKey(1), executor_type: executor_type.into() }
    }

    fn slot(count: usize) -> ClaimSlot {
        let grant = SlotGrant { key: GrantKey(7), name: "bee".into(), scopes: Scopes::default() };
        ClaimSlot { grants: [grant].into(), offer: Arc::new(Offer::default()), count, lease_ms: 1000, instance: None }
    }

    fn lease(slot: usize) -> ClaimedLease {
        ClaimedLease {
            slot,
            executor: GrantKey(7),
            process_id: Uuid::new_v4(),
            function: "f".into(),
            attempt: 1,
            retries_spent: 0,
            max_retries: 0,
            claimed_at_ms: 0,
            expires_at_ms: 1000,
            submitter: GrantKey(8),
            payload: Bytes::new(),
            signature: Vec::new(),
            spec_digest: None,
        }
    }

    fn gave(claimed: Vec<ClaimedLease>) -> ClaimResult {
        ClaimResult { claimed, ..ClaimResult::default() }
    }

    #[tokio::test]
    async fn claims_of_the_first_lane_join_with_all_who_wait_there_and_others_get_nothing() {
        let (dispatcher, here, there) = (Arc::new(Dispatcher::default()), lane("t"), lane("u"));
        let mut waiting = Box::pin(dispatcher.poll(&here, slot(1), LONG));
        assert!(futures::poll!(&mut waiting).is_pending());
        let slots = [slot(2), slot(3), slot(1)];
        let claims = [(&here, &slots[0]), (&there, &slots[1]), (&here, &slots[2])];
        let (mut polls, pass) = join(&dispatcher, claims.into_iter());
        let pass = pass.unwrap();
        assert_eq!(pass.claim().map(|(lane, slots)| (lane.clone(), slots.len())), Some((here.clone(), 3)));
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
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane("t"));
        let mut waiting = Box::pin(dispatcher.poll(&lane, slot(1), LONG));
        assert!(futures::poll!(&mut waiting).is_pending());
        let (mut polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(1))));
        pass.unwrap().leave();
        assert!(polls.remove(0).unwrap().answered().await.unwrap().claimed.is_empty());
        let pass = dispatcher.queue().begin_pass().expect("the other has its own");
        dispatcher.queue().end_pass(&pass, gave(vec![lease(0)]));
        assert_eq!(waiting.await.unwrap().claimed.len(), 1);
    }

    #[tokio::test]
    async fn a_commit_of_unknown_outcome_is_an_error_and_leases_for_nobody_are_told() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane("t"));
        let (mut polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(1))));
        drop(pass);
        assert!(matches!(polls.remove(0).unwrap().answered().await, Err(Error::Unavailable(_))));
        let (polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(1))));
        drop(polls);
        let lease = lease(0);
        assert_eq!(pass.unwrap().end(gave(vec![lease.clone()]), 0), [lease.reference()]);
    }

    #[tokio::test]
    async fn an_empty_lane_costs_nothing() {
        let (dispatcher, lane) = (Arc::new(Dispatcher::default()), lane("t"));
        let (_polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(1))));
        let empty = ClaimResult { is_lane_empty: true, ..ClaimResult::default() };
        assert_eq!(pass.unwrap().end(empty, 0), []);
        let (polls, pass) = join(&dispatcher, std::iter::once((&lane, &slot(1))));
        assert!(pass.is_none() && polls[0].is_none());
    }
}
