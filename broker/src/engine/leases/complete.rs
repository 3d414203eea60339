//! Successes of attempts.

use std::sync::Arc;

use apiary_identity::{Clock, Digest, Envelope, Outcome, OutcomeKind};
use apiary_store::model::{ClaimSlot, Completion, Lane, LeaseEnd, SlotGrant};
use apiary_store::{StoreError, StoreResult};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::dispatch::dispatcher::{Dispatcher, JoinedPoll, release_unheard};
use crate::engine::dispatch::joined::{JoinedPass, join};
use crate::engine::dispatch::polls::{PollResult, Reply};
use crate::engine::leases::claim::PollSlot;
use crate::engine::leases::given::AttemptFacts;
use crate::engine::leases::lookup::{EndResult, Holder, LeaseLookup};
use crate::engine::notify::wakeups::{Change, Wakeups};

impl Engine {
    /// Stores a success. The same result again is answered as the first time; any other for a lost lease is rejected. So is
    /// one for a process that is being cancelled, which is cancelled then.
    pub(crate) async fn complete(
        &self,
        permit: Permit<action::Complete>,
        outcome: &Outcome,
        envelope: Envelope,
    ) -> Result<EndResult, Error> {
        if outcome.outcome != OutcomeKind::Succeeded {
            return Err(Error::field("outcome", "is a failure: send it to Fail"));
        }
        let holder = Holder::new(&permit, outcome.process_id, outcome.attempt)?;
        let item = ResultItem::new(holder.clone(), outcome, envelope.clone());
        match self.completions.commit(CompleteItem::Result(Box::new(item))).await {
            Err(Error::LeaseLost { .. }) => self.lookup.after_the_end(&holder, &envelope).await,
            Err(error) => Err(error),
            Ok(_) => Ok(EndResult { existed: false }),
        }
    }

    /// Claims in the commit of the successes that are on their way, without a wait for work or for a pass under way.
    pub(in crate::engine) async fn claim_after_results(&self, lane: &Lane, slot: ClaimSlot, place: PollSlot) -> Reply {
        match self.completions.commit(CompleteItem::Claim { lane: lane.clone(), slot, _place: place }).await? {
            CompleteAnswer::Claim(Some(poll)) => poll.answered().await,
            CompleteAnswer::Claim(None) | CompleteAnswer::Ended => Ok(PollResult::default()),
        }
    }
}

/// An entry of the writer of successes.
pub(crate) enum CompleteItem {
    /// A success.
    Result(Box<ResultItem>),
    /// A claim behind the successes of the same call.
    Claim {
        /// The lane.
        lane: Lane,
        /// The executor that claims.
        slot: ClaimSlot,
        /// Place among the claims of the executor's key, until the commit.
        _place: PollSlot,
    },
}

/// The answer of the writer of successes.
pub(crate) enum CompleteAnswer {
    /// The success is stored.
    Ended,
    /// The claim is made; `None` if it could not be made in this commit.
    Claim(Option<JoinedPoll>),
}

/// A signed result on its way into the store.
pub(crate) struct ResultItem {
    pub(in crate::engine) holder: Holder,
    spec_digest: Digest,
    /// The executor's time of completion.
    finished_at: Timestamp,
    pub(in crate::engine) envelope: Envelope,
}

impl ResultItem {
    pub(in crate::engine) fn new(holder: Holder, outcome: &Outcome, envelope: Envelope) -> Self {
        Self { holder, spec_digest: outcome.spec_digest, finished_at: outcome.finished_at, envelope }
    }

    /// Checks that the result can be verified afterwards.
    pub(in crate::engine) async fn check_statement(
        &self,
        lookup: &LeaseLookup,
        attempt: &AttemptFacts,
        says_done: bool,
        now_ms: i64,
    ) -> Result<(), Error> {
        lookup.may_state(attempt, "finished_at", says_done, self.finished_at, now_ms).await
    }

    /// Checks that the result names the bytes of the spec that the broker handed out.
    pub(in crate::engine) fn check_spec(&self, kept: Digest) -> Result<(), Error> {
        self.holder.check_spec(self.spec_digest, kept)
    }
}

/// Writes gathered successes, and claims for those who want more work.
pub(crate) struct CompleteFlush {
    lookup: LeaseLookup,
    dispatcher: Arc<Dispatcher>,
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
}

impl CompleteFlush {
    pub(crate) fn new(
        lookup: LeaseLookup,
        dispatcher: Arc<Dispatcher>,
        wakeups: Wakeups,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { lookup, dispatcher, wakeups, clock }
    }

    /// Stores results; answers each, in order. Makes the claims in the same transaction if possible.
    async fn complete(
        &self,
        results: &[&ResultItem],
        claims: &[(&Lane, &ClaimSlot)],
    ) -> StoreResult<(Vec<Result<(), Error>>, Vec<Option<JoinedPoll>>)> {
        let now_ms = self.clock.now_ms();
        let attempts = self.lookup.ended_by(results.iter().map(|item| (&item.holder, item.spec_digest))).await?;
        let (mut answers, mut completions, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, attempt) in results.iter().zip(attempts) {
            // Until the database says otherwise, the lease is lost.
            let Some(attempt) = attempt else {
                answers.push(Err(item.holder.lost()));
                continue;
            };
            let acceptable = match item.check_spec(attempt.spec_digest) {
                Ok(()) => item.check_statement(&self.lookup, &attempt, true, now_ms).await,
                Err(error) => Err(error),
            };
            if acceptable.is_ok() {
                completions.push(Completion {
                    lease: item.holder.lease_under(attempt.executor),
                    payload: item.envelope.payload.clone(),
                    signature: item.envelope.signature.clone(),
                });
                places.push((answers.len(), attempt));
            }
            answers.push(acceptable.and(Err(item.holder.lost())));
        }
        // Only now: from here to the commit, nothing else is waited for.
        let (polls, pass) = join(&self.dispatcher, claims.iter().copied());
        let done = self.write(&completions, pass, now_ms).await?;
        for ((place, attempt), end) in places.into_iter().zip(done) {
            let holder = &results[place].holder;
            // Whatever the answer: a lost lease does not come back.
            self.lookup.given().remove(holder.process_id);
            if end != LeaseEnd::Lost {
                let numbers = self.lookup.metrics().of(&attempt.lane.executor_type);
                numbers.completed(attempt.claimed_at_ms, end == LeaseEnd::Cancelled, now_ms);
            }
            answers[place] = match end {
                LeaseEnd::Lost => continue,
                LeaseEnd::Done => Ok(()),
                LeaseEnd::Cancelled => Err(holder.cancelled()),
            };
            self.wakeups.ended(Change { colony: attempt.lane.colony, process_id: holder.process_id });
        }
        Ok((answers, polls))
    }

    async fn write(
        &self,
        completions: &[Completion],
        pass: Option<JoinedPass>,
        now_ms: i64,
    ) -> StoreResult<Vec<LeaseEnd>> {
        let store = self.lookup.store();
        let Some(pass) = pass else { return store.complete(completions, now_ms).await };
        let lane = pass.lane();
        match store.complete_and_claim(completions, now_ms, lane, pass.slots(), &*self.clock).await {
            Ok((done, Some(claims))) => {
                let lane = lane.clone();
                let unheard = pass.end(claims, self.clock.now_ms());
                if !unheard.is_empty() && release_unheard(store, &*self.clock, &unheard).await {
                    self.wakeups.work(&lane);
                }
                Ok(done)
            }
            Ok((done, None)) => {
                pass.leave();
                Ok(done)
            }
            // Nobody knows what was committed: the polls get an error, and ask.
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            // The claim may be at fault. It must not keep results from their place.
            Err(error) => {
                tracing::debug!(%error, executor_type = lane.executor_type, "results are stored without a claim");
                pass.leave();
                store.complete(completions, now_ms).await
            }
        }
    }
}

#[async_trait::async_trait]
impl Flush for CompleteFlush {
    type Item = CompleteItem;
    type Answer = CompleteAnswer;
    type Key = Uuid;

    fn keys(&self, item: &CompleteItem) -> Vec<Uuid> {
        match item {
            CompleteItem::Result(item) => vec![item.holder.process_id],
            CompleteItem::Claim { .. } => Vec::new(),
        }
    }

    fn bytes(&self, item: &CompleteItem) -> usize {
        match item {
            CompleteItem::Result(item) => item.envelope.payload.len(),
            CompleteItem::Claim { slot, .. } => slot_bytes(slot),
        }
    }

    async fn flush(&self, items: &[CompleteItem]) -> StoreResult<Vec<Result<CompleteAnswer, Error>>> {
        let claims: Vec<_> = items.iter().filter_map(CompleteItem::claim).collect();
        let results: Vec<&ResultItem> = items.iter().filter_map(CompleteItem::result).collect();
        let (ended, polls) = self.complete(&results, &claims).await?;
        let (mut ended, mut polls) = (ended.into_iter(), polls.into_iter());
        let answers = items.iter().filter_map(|item| match item {
            CompleteItem::Result(_) => ended.next().map(|answer| answer.map(|()| CompleteAnswer::Ended)),
            CompleteItem::Claim { .. } => polls.next().map(|poll| Ok(CompleteAnswer::Claim(poll))),
        });
        Ok(answers.collect())
    }
}

/// Returns roughly the number of bytes of a claim: its offer and the scopes of its grants.
fn slot_bytes(slot: &ClaimSlot) -> usize {
    let texts = |texts: &[String]| texts.iter().map(|text| text.len() + size_of::<String>()).sum::<usize>();
    let scopes = |grant: &SlotGrant| texts(&grant.scopes.functions) + texts(&grant.scopes.executor_types);
    let tags = slot.offer.tags.iter().map(|tag| tag.len() + size_of::<String>()).sum::<usize>();
    size_of::<ClaimSlot>() + tags + slot.grants.iter().map(scopes).sum::<usize>()
}

impl CompleteItem {
    fn result(&self) -> Option<&ResultItem> {
        match self {
            Self::Result(item) => Some(item),
            Self::Claim { .. } => None,
        }
    }

    fn claim(&self) -> Option<(&Lane, &ClaimSlot)> {
        match self {
            Self::Claim { lane, slot, .. } => Some((lane, slot)),
            Self::Result(_) => None,
        }
    }
}
