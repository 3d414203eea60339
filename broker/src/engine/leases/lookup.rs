//! Lookup of leases for renewing, completing, failing and releasing: the holder's check, and the answer when the lease is gone.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_identity::chain::{self, WorkStatement};
use apiary_identity::{Digest, Document as _, Envelope, Grant, Id};
use apiary_store::model::{AttemptEnding, ColonyKey, GrantKey, LeaseRecord, LeaseRef};
use apiary_store::{Store, StoreError, StoreResult};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::leases::given::{AttemptFacts, GivenLeases};
use crate::grant_cache::GrantCache;
use crate::limits::REQUEST_WINDOW_MS;
use crate::metrics::BrokerMetrics;

/// A caller who claims to hold a lease.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The colony of the permit.
    colony: ColonyKey,
    /// The process.
    pub(in crate::engine) process_id: Uuid,
    /// The attempt that the lease is for.
    pub(in crate::engine) attempt: i32,
    /// The caller's key.
    key: Id,
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndResult {
    /// True if this very result had been accepted before.
    pub(crate) existed: bool,
}

/// The lookup of leases by holder.
#[derive(Clone)]
pub(crate) struct LeaseLookup {
    store: Arc<dyn Store>,
    grants: Arc<GrantCache>,
    /// Shared by all clones.
    given: Arc<GivenLeases>,
    metrics: Arc<BrokerMetrics>,
}

impl Holder {
    pub(in crate::engine) fn new<A: action::Action>(
        permit: &Permit<A>,
        process_id: Uuid,
        attempt: i32,
    ) -> Result<Self, Error> {
        let grant = permit.grant().ok_or_else(|| Error::NotPermitted("a lease is held under a grant".into()))?;
        Ok(Self { colony: permit.colony().key, process_id, attempt, key: grant.grant.key })
    }

    /// Returns the fencing token of its lease under this grant.
    pub(in crate::engine) fn lease_under(&self, executor: GrantKey) -> LeaseRef {
        LeaseRef { process_id: self.process_id, attempt: self.attempt, executor }
    }

    pub(in crate::engine) fn cancelled(&self) -> Error {
        Error::Cancelled { process_id: self.process_id, attempt: self.attempt }
    }

    pub(in crate::engine) fn lost(&self) -> Error {
        Error::LeaseLost { process_id: self.process_id, attempt: self.attempt }
    }

    /// Checks that a statement about the work names the bytes of the spec that the broker handed out.
    pub(in crate::engine) fn check_spec(&self, named: Digest, kept: Digest) -> Result<(), Error> {
        if named == kept {
            return Ok(());
        }
        Err(Error::field(
            "spec_digest",
            format!(
                "is not that of the spec that was submitted as {}: the work was done from other bytes",
                self.process_id
            ),
        ))
    }
}

impl LeaseLookup {
    pub(in crate::engine) fn new(store: Arc<dyn Store>, grants: Arc<GrantCache>, metrics: Arc<BrokerMetrics>) -> Self {
        Self { store, grants, given: Arc::default(), metrics }
    }

    /// Returns the numbers of ended attempts.
    pub(in crate::engine) fn metrics(&self) -> &BrokerMetrics {
        &self.metrics
    }

    /// Returns the leases that this broker gave.
    pub(in crate::engine) fn given(&self) -> &GivenLeases {
        &self.given
    }

    pub(in crate::engine) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Returns the lease of each holder, if it is theirs: of this colony, of this attempt, and granted to this key. It compares keys, not
    /// grants, because a key may have several, also in several colonies.
    pub(in crate::engine) async fn held<'a>(
        &self,
        holders: impl Iterator<Item = &'a Holder> + Clone + Send,
    ) -> StoreResult<Vec<Option<LeaseRecord>>> {
        let ids: Vec<_> = holders.clone().map(|holder| holder.process_id).collect();
        let leases = self.store.leases(&ids).await?;
        let grants = self.grants.stored(leases.iter().map(|lease| lease.executor)).await.map_err(unavailable)?;
        let by_process: HashMap<_, _> = leases.into_iter().map(|lease| (lease.process_id, lease)).collect();
        Ok(holders
            .map(|holder| {
                let lease = by_process.get(&holder.process_id)?;
                let grant = grants.get(&lease.executor)?;
                let theirs = lease.lane.colony == holder.colony
                    && lease.attempt == holder.attempt
                    && grant.grantee == holder.key.as_bytes();
                theirs.then(|| lease.clone())
            })
            .collect())
    }

    /// Returns the attempt that each holder ends with a result about the spec of this digest, if it is theirs, as [`held`](Self::held)
    /// does. An attempt whose lease this broker gave is not read: the statement that ends it checks that it still runs.
    pub(in crate::engine) async fn ended_by<'a>(
        &self,
        results: impl Iterator<Item = (&'a Holder, Digest)> + Clone + Send,
    ) -> StoreResult<Vec<Option<Arc<AttemptFacts>>>> {
        let mut found: Vec<_> =
            results.clone().map(|(holder, _)| self.given.get(holder.process_id, holder.attempt)).collect();
        let executors = found.iter().flatten().map(|attempt| attempt.executor);
        let grants = self.grants.stored(executors.collect::<Vec<_>>()).await.map_err(unavailable)?;
        for ((holder, spec_digest), found) in results.clone().zip(&mut found) {
            // What does not fit may be out of date, and is read.
            *found = found.take().filter(|attempt| {
                attempt.spec_digest == spec_digest
                    && attempt.lane.colony == holder.colony
                    && grants.get(&attempt.executor).is_some_and(|grant| grant.grantee == holder.key.as_bytes())
            });
        }
        let unknown: Vec<&Holder> =
            results.zip(&found).filter(|(_, found)| found.is_none()).map(|((holder, _), _)| holder).collect();
        if unknown.is_empty() {
            return Ok(found);
        }
        let mut read = self.held(unknown.into_iter()).await?.into_iter();
        for found in found.iter_mut().filter(|found| found.is_none()) {
            *found = read.next().flatten().map(|lease| Arc::new(AttemptFacts::of(&lease)));
        }
        Ok(found)
    }

    /// Checks that an executor's statement about its work can be verified by everyone who receives it, and that its time lies within
    /// the attempt: after the claim, and not in the future. Clocks may differ as much as those of callers.
    pub(in crate::engine) async fn may_state(
        &self,
        attempt: &AttemptFacts,
        field: &'static str,
        says_done: bool,
        at: Timestamp,
        now_ms: i64,
    ) -> Result<(), Error> {
        let (from_ms, until_ms) =
            (attempt.claimed_at_ms.saturating_sub(REQUEST_WINDOW_MS), now_ms.saturating_add(REQUEST_WINDOW_MS));
        if !(from_ms..=until_ms).contains(&at.as_millisecond()) {
            let shown = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
            return Err(Error::NotPermitted(format!(
                "`{field}` is {at}, and the attempt ran from {} until now, {}: set the executor's clock (NTP)",
                shown(attempt.claimed_at_ms),
                shown(now_ms)
            )));
        }
        let grants = self.grants.stored([attempt.executor]).await?;
        let Some(grant) = grants.get(&attempt.executor).and_then(|grant| Grant::from_json(&grant.payload).ok()) else {
            return Err(Error::NotPermitted(
                "the executor's grant cannot be read: ask the colony's owner for a new one".into(),
            ));
        };
        let (executor_type, function) = (attempt.lane.executor_type.as_str(), attempt.function.as_str());
        Ok(chain::may_state(&grant, &WorkStatement { executor_type, function, says_done, at })?)
    }

    /// Returns the answer for a lease that is gone. If this very result ended the attempt, its sender repeats it because the
    /// answer got lost; if the attempt was cancelled, its holder gets that error again.
    pub(in crate::engine) async fn after_the_end(
        &self,
        holder: &Holder,
        result: &Envelope,
    ) -> Result<EndResult, Error> {
        let Some(attempt) = self.store.attempt(holder.process_id, holder.attempt).await? else {
            return Err(holder.lost());
        };
        let is_known = attempt
            .result
            .as_ref()
            .is_some_and(|(payload, signature)| *payload == result.payload && signature == result.signature.as_bytes());
        if is_known {
            return Ok(EndResult { existed: true });
        }
        let grants = self.grants.stored([attempt.executor]).await?;
        let is_theirs = grants.get(&attempt.executor).is_some_and(|grant| grant.grantee == holder.key.as_bytes());
        let is_cancelled = attempt.ending == AttemptEnding::Cancelled.as_str();
        Err(if is_theirs && is_cancelled { holder.cancelled() } else { holder.lost() })
    }
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
