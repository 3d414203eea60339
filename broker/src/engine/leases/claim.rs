//! Claims: handing out work.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_daemon::traces::{self, Part, Span, TraceContext};
use apiary_identity::Offer;
use apiary_store::lifecycle::retries_left;
use apiary_store::model::{
    ClaimSlot, ClaimedLease, GrantRecord, Lane, LeaseRef, ProcessState, SlotGrant, StoredGrant, cut_to_bytes,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::dispatch::dispatcher::LeaseGuard;
use crate::engine::leases::checkpoints::Checkpoint;
use crate::engine::notify::wakeups::Change;
use crate::limits::CLAIM_BYTES_MAX;

/// Bytes of ids, signatures and type names around a spec and its grant, at the most.
const LEASE_FRAME_BYTES: usize = 1024;

/// The one field of a spec that a trace needs.
#[derive(Deserialize)]
struct TracedSpec<'s> {
    #[serde(borrow)]
    traceparent: Option<Cow<'s, str>>,
}

/// A checked claim request.
pub(crate) struct ClaimOrder {
    /// The executor type to claim for.
    pub(crate) executor_type: String,
    /// The most leases.
    pub(crate) count: usize,
    /// The longest wait for the first lease.
    pub(crate) wait: Duration,
    /// The duration of each lease.
    pub(crate) lease_ms: i64,
    /// The labels and resources that the executor offers.
    pub(crate) offer: Offer,
    /// The run of the executor that claims, by a number of its choice.
    pub(crate) instance: Option<i64>,
    /// All leases that the run has, if the answer to an earlier claim may have been lost.
    pub(crate) held: Option<HashSet<(Uuid, i32)>>,
    /// True if results of the same call are on their way: the claim goes with them, and does not wait.
    pub(crate) is_after_results: bool,
}

/// The answer to a claim.
#[derive(Default)]
pub(crate) struct ClaimAnswer {
    /// The leases, in the order of their processes.
    pub(crate) leases: Vec<LeaseWithProof>,
    /// True if the executor is to take no new work, or the broker is about to stop.
    pub(crate) drain: bool,
}

/// A lease, with what the executor needs to verify the work.
pub(crate) struct LeaseWithProof {
    /// The lease and the signed spec.
    pub(crate) claimed: ClaimedLease,
    /// The submitter's grant; `None` if the database lost it.
    pub(crate) submitter: Option<Arc<StoredGrant>>,
    /// Retries left after this attempt; −1 for no limit.
    pub(crate) retries_left: i32,
    /// The checkpoint of an earlier attempt.
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl Engine {
    /// Claims waiting work, or waits for some, under any of these grants of the caller's. If the caller goes away, nothing is lost:
    /// its leases are released. An executor that is being drained gets an empty answer at once.
    pub(crate) async fn claim(
        &self,
        permit: Permit<action::Claim>,
        grants: &[GrantRecord],
        order: ClaimOrder,
    ) -> Result<ClaimAnswer, Error> {
        let grant = permit.grant().ok_or_else(|| Error::NotPermitted("claiming needs a grant".into()))?;
        let lane = Lane { colony: permit.colony().key, executor_type: order.executor_type };
        let slot = ClaimSlot {
            grants: grants.iter().map(slot_grant).collect(),
            offer: Arc::new(order.offer),
            count: order.count,
            lease_ms: order.lease_ms,
            instance: order.instance,
        };
        let place = self.polls.take(grant.key.0)?;
        if let Some(held) = &order.held {
            self.give_back_undelivered(&slot, held).await?;
        }
        let executor = (lane.colony, permit.key());
        // Held until the answer: a waiting claim is a sign of life of its executor.
        let _heard = self.contacts.listen(executor, &lane.executor_type, &grant.grant.name, &slot.offer);
        let given = match order.is_after_results {
            true => self.claim_after_results(&lane, slot, place).await?,
            false => self.dispatcher.poll(&lane, slot, order.wait).await?,
        };
        // Held until the answer is complete: an error below, or a caller who goes away, costs the work no retry.
        let guard = LeaseGuard::new(self.dispatcher.clone(), lane.clone(), &given.claimed);
        let mut leases = self.with_grants(given.claimed).await?;
        // Sizes before contents: a checkpoint that does not fit into the answer is never read.
        self.weigh_checkpoints(&mut leases).await?;
        let excess = split_by_size(&mut leases);
        self.read_checkpoints(&mut leases).await?;
        guard.delivered();
        self.dispatcher.put_back(&lane, excess.iter().map(|leased| lease_of(&leased.claimed)).collect());
        // Only for leases that the caller gets: the others are released, which sends its own wake-ups.
        let numbers = self.metrics.of(&lane.executor_type);
        for LeaseWithProof { claimed, .. } in &leases {
            numbers.leased(claimed.waiting_since_ms, claimed.claimed_at_ms);
            trace_wait(claimed);
            self.lookup.given().add(&lane, claimed);
            self.wakeups.due_at(claimed.expires_at_ms);
            let change = Change { colony: lane.colony, process_id: claimed.process_id };
            self.wakeups.entered(change, ProcessState::Running);
        }
        Ok(ClaimAnswer { leases, drain: given.is_drained || self.drain.is_cancelled() })
    }

    async fn with_grants(&self, claimed: Vec<ClaimedLease>) -> Result<Vec<LeaseWithProof>, Error> {
        let grants: HashMap<_, _> = self.grants.stored(claimed.iter().map(|claim| claim.submitter)).await?;
        Ok(claimed
            .into_iter()
            .map(|claimed| LeaseWithProof {
                submitter: grants.get(&claimed.submitter).cloned(),
                retries_left: retries_left(claimed.retries_spent, claimed.max_retries),
                checkpoint: None,
                claimed,
            })
            .collect())
    }
}

impl LeaseWithProof {
    /// Returns the bytes that it adds to an answer, including names and numbers.
    fn bytes(&self) -> usize {
        let grant = self.submitter.as_ref().map_or(0, |grant| grant.payload.len());
        let checkpoint = self.checkpoint.as_ref().map_or(0, Checkpoint::bytes);
        self.claimed.payload.len() + grant + checkpoint + LEASE_FRAME_BYTES
    }
}

fn slot_grant(record: &GrantRecord) -> SlotGrant {
    SlotGrant { key: record.key, name: record.grant.name.clone(), scopes: record.grant.scopes.clone() }
}

fn lease_of(claim: &ClaimedLease) -> LeaseRef {
    LeaseRef { process_id: claim.process_id, attempt: claim.attempt, executor: claim.executor }
}

/// Cuts off the leases that would make the answer larger than a message may be. The first always stays.
fn split_by_size(leases: &mut Vec<LeaseWithProof>) -> Vec<LeaseWithProof> {
    cut_to_bytes(leases, CLAIM_BYTES_MAX, LeaseWithProof::bytes)
}

/// The number of waiting claims of each grant, so that one executor cannot take every place.
#[derive(Default)]
pub(crate) struct PollSlots {
    by_grant: std::sync::Mutex<HashMap<i64, Arc<AtomicUsize>>>,
}

/// The place of one claim, given back when it is dropped.
pub(crate) struct PollSlot(Arc<AtomicUsize>);

impl PollSlots {
    fn take(&self, grant: i64) -> Result<PollSlot, Error> {
        let mut places = self.by_grant.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Counts at zero are removed here, not on drop, so that dropping needs no lock.
        places.retain(|key, count| *key == grant || count.load(Ordering::Acquire) > 0);
        let count = places.entry(grant).or_default().clone();
        if count.fetch_add(1, Ordering::AcqRel) >= crate::limits::POLLS_PER_KEY_MAX {
            count.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Overloaded(format!(
                "{} claims of this executor wait already",
                crate::limits::POLLS_PER_KEY_MAX
            )));
        }
        Ok(PollSlot(count))
    }
}

impl Drop for PollSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Adds the wait that has ended to the process's trace.
fn trace_wait(claimed: &ClaimedLease) {
    // To read a spec costs more than a claim's other steps: only if somebody wants to know.
    if !traces::are_kept() {
        return;
    }
    let spec: Option<TracedSpec<'_>> = serde_json::from_slice(&claimed.payload).ok();
    let trace = spec.and_then(|spec| spec.traceparent).and_then(|text| TraceContext::parse(&text));
    let since_ms = claimed.waiting_since_ms.unwrap_or(claimed.claimed_at_ms);
    let span = Span::within(Part::Broker, "wait", trace).since_ms(since_ms).of_process(claimed.process_id);
    drop(span.with_number("apiary.attempt", claimed.attempt.into()));
}

#[cfg(test)]
mod tests {
    use apiary_store::model::GrantKey;
    use bytes::Bytes;

    use super::*;

    fn leased(spec_bytes: usize, grant_bytes: usize) -> LeaseWithProof {
        let grant = StoredGrant {
            key: GrantKey(1),
            colony_id: Vec::new(),
            grantee: Vec::new(),
            name: "ada".into(),
            payload: Bytes::from(vec![0; grant_bytes]),
            signature: Vec::new(),
            revoked_from_ms: None,
        };
        let claimed = ClaimedLease {
            slot: 0,
            executor: GrantKey(2),
            process_id: uuid::Uuid::new_v4(),
            function: "f".into(),
            attempt: 1,
            retries_spent: 0,
            max_retries: 0,
            claimed_at_ms: 0,
            waiting_since_ms: None,
            expires_at_ms: 0,
            submitter: GrantKey(1),
            payload: Bytes::from(vec![0; spec_bytes]),
            signature: Vec::new(),
            spec_digest: None,
        };
        LeaseWithProof { claimed, submitter: Some(Arc::new(grant)), retries_left: 0, checkpoint: None }
    }

    #[test]
    fn an_answer_stays_below_the_message_limit_with_its_grants() {
        let mut leases: Vec<_> = (0..256).map(|_| leased(100, 64 * 1024)).collect();
        let excess = split_by_size(&mut leases);
        assert_eq!(leases.len() + excess.len(), 256);
        assert!(leases.iter().map(LeaseWithProof::bytes).sum::<usize>() <= CLAIM_BYTES_MAX);
        assert!(leases.len() > 200, "{}", leases.len());
    }

    #[test]
    fn the_first_always_stays() {
        let mut leases = vec![leased(CLAIM_BYTES_MAX, 1), leased(1, 1)];
        assert_eq!(split_by_size(&mut leases).len(), 1);
        assert_eq!(leases.len(), 1);
    }
}
