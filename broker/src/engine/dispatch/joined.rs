//! Claims that are made by another commit: the end of attempts and the claim of the next work are one transaction.

use std::sync::Arc;

use apiary_store::model::{ClaimResult, ClaimSlot, Lane};

use crate::Error;
use crate::engine::dispatch::dispatcher::{Dispatcher, JoinedPoll};
use crate::engine::dispatch::polls::Pass;

/// A pass that a commit makes beside its own writes. If it is dropped, its polls get an error or wait on, as after any pass that failed.
pub(in crate::engine) struct JoinedPass {
    dispatcher: Arc<Dispatcher>,
    /// `None` once it ended.
    pass: Option<Pass>,
}

/// The answer to a claim beside a commit.
pub(in crate::engine) enum JoinedClaim {
    /// Nothing waits in its lane.
    Empty,
    /// It is answered by the commit, or by a later pass.
    Polling(JoinedPoll),
}

/// Adds these claims, and begins a pass over the lane of the first one, for all that wait in it.
pub(in crate::engine) fn join<'a>(
    dispatcher: &Arc<Dispatcher>,
    claims: impl Iterator<Item = (&'a Lane, &'a ClaimSlot)>,
) -> (Vec<Result<JoinedClaim, Error>>, Option<JoinedPass>) {
    let (joined, pass) = dispatcher.join(claims);
    let answer = |poll: Option<JoinedPoll>| poll.map_or(JoinedClaim::Empty, JoinedClaim::Polling);
    let answers = joined.into_iter().map(|poll| poll.map(answer)).collect();
    (answers, pass.map(|pass| JoinedPass { dispatcher: dispatcher.clone(), pass: Some(pass) }))
}

impl JoinedPass {
    /// Returns the lane and the slots of the claim.
    pub(in crate::engine) fn claim(&self) -> Option<(&Lane, &[ClaimSlot])> {
        self.pass.as_ref().map(|pass| (&pass.lane, &*pass.slots))
    }

    /// Answers the polls. Without a claim they wait for a pass of the dispatcher.
    pub(in crate::engine) fn end(mut self, claims: Option<ClaimResult>, now_ms: i64) {
        let Some(pass) = self.pass.take() else { return };
        let claims = claims.unwrap_or_else(|| ClaimResult { has_more: true, ..ClaimResult::default() });
        self.dispatcher.end_joined(&pass, claims, now_ms);
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
