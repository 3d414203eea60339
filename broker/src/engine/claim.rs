//! Handing out work.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Engine;
use super::lifecycle::retries_left;
use super::wakeups::Change;
use crate::Error;
use crate::auth::{Permit, action};
use crate::limits::CLAIM_BYTES_MAX;
use crate::model::{ClaimSlot, Claimed, Lane, LeaseRef, StoredGrant};

/// What an executor asks for, checked.
pub(crate) struct ClaimOrder {
    /// The executor type to claim for.
    pub(crate) executor_type: String,
    /// At most this many.
    pub(crate) count: usize,
    /// How long to wait for the first.
    pub(crate) wait: Duration,
    /// How long each lease lasts.
    pub(crate) lease_ms: i64,
}

/// What it gets.
pub(crate) struct ClaimAnswer {
    /// The leases, in the order of their processes.
    pub(crate) leases: Vec<Leased>,
    /// The broker is about to stop.
    pub(crate) drain: bool,
}

/// A lease, with what the executor needs to check the work.
pub(crate) struct Leased {
    /// The lease and the signed spec.
    pub(crate) claimed: Claimed,
    /// The submitter's grant, unless the database lost it.
    pub(crate) submitter: Option<Arc<StoredGrant>>,
    /// Retries left after this attempt; −1 for no limit.
    pub(crate) retries_left: i32,
}

impl Engine {
    /// Takes waiting work, or waits for some. If the caller goes away, nothing is lost: what was taken for it goes back.
    pub(crate) async fn claim(&self, permit: Permit<action::Claim>, order: ClaimOrder) -> Result<ClaimAnswer, Error> {
        let grant = permit.grant().ok_or_else(|| Error::NotPermitted("claiming needs a grant".into()))?;
        let lane = Lane { colony: permit.colony().key, executor_type: order.executor_type };
        let slot = ClaimSlot {
            executor: grant.key,
            executor_name: grant.grant.name.clone(),
            count: order.count,
            lease_ms: order.lease_ms,
        };
        let _place = self.polls.take(grant.key.0)?;
        let mut claimed = self.claimer.poll(&lane, slot, order.wait).await?;
        let excess = split_by_size(&mut claimed);
        if !excess.is_empty() {
            let leases: Vec<_> = excess.iter().map(|claim| lease_of(claim, grant.key)).collect();
            self.store.release(&leases, self.clock.now_ms()).await?;
            self.wakeups.work(&lane);
        }
        for claim in &claimed {
            self.wakeups.due_at(claim.expires_at_ms);
            self.wakeups.changed(Change { colony: lane.colony, process_id: claim.process_id });
        }
        let leases = self.with_grants(claimed).await?;
        Ok(ClaimAnswer { leases, drain: self.drain.is_cancelled() })
    }

    async fn with_grants(&self, claimed: Vec<Claimed>) -> Result<Vec<Leased>, Error> {
        let grants: HashMap<_, _> = self.grants.stored(claimed.iter().map(|claim| claim.submitter)).await?;
        Ok(claimed
            .into_iter()
            .map(|claimed| Leased {
                submitter: grants.get(&claimed.submitter).cloned(),
                retries_left: retries_left(claimed.retries_spent, claimed.max_retries),
                claimed,
            })
            .collect())
    }
}

fn lease_of(claim: &Claimed, executor: crate::model::GrantKey) -> LeaseRef {
    LeaseRef { process_id: claim.process_id, attempt: claim.attempt, executor }
}

/// Cuts off what would make the answer larger than a message may be. The first always stays.
fn split_by_size(claimed: &mut Vec<Claimed>) -> Vec<Claimed> {
    let mut bytes = 0;
    let fitting = claimed
        .iter()
        .take_while(|claim| {
            bytes += claim.payload.len();
            bytes <= CLAIM_BYTES_MAX
        })
        .count();
    claimed.split_off(fitting.max(1).min(claimed.len()))
}

/// How many claims each key has waiting, so that one executor cannot take every place.
#[derive(Default)]
pub(crate) struct Places {
    by_grant: std::sync::Mutex<HashMap<i64, Arc<AtomicUsize>>>,
}

/// One claim's place, given back when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    fn take(&self, grant: i64) -> Result<Place, Error> {
        let mut places = self.by_grant.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        places.retain(|key, count| *key == grant || count.load(Ordering::Acquire) > 0);
        let count = places.entry(grant).or_default().clone();
        if count.fetch_add(1, Ordering::AcqRel) >= crate::limits::POLLS_PER_KEY_MAX {
            count.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Overloaded(format!(
                "{} claims of this executor wait already",
                crate::limits::POLLS_PER_KEY_MAX
            )));
        }
        Ok(Place(count))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
