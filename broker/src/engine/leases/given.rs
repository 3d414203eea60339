//! Leases that this broker gave, with all that the check of a result needs, so that the usual completion reads nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::{Digest, RecentMap};
use apiary_store::model::{ClaimedLease, GrantKey, Lane, LeaseRecord};
use uuid::Uuid;

use crate::limits::GIVEN_LEASES_MAX;

/// Facts of an attempt that never change.
#[derive(Clone, Debug)]
pub(in crate::engine) struct AttemptFacts {
    /// The colony and the executor type.
    pub(in crate::engine) lane: Lane,
    /// The function to execute.
    pub(in crate::engine) function: String,
    /// The attempt's number.
    pub(in crate::engine) attempt: i32,
    /// The executor's grant.
    pub(in crate::engine) executor: GrantKey,
    /// When the attempt began.
    pub(in crate::engine) claimed_at_ms: i64,
    /// The digest of the spec's signed bytes.
    pub(in crate::engine) spec_digest: Digest,
}

/// Attempts whose leases this broker gave lately. Results of older attempts, and of leases that other brokers gave, are checked against
/// the lease in the store.
pub(crate) struct GivenLeases(Mutex<RecentMap<Uuid, Arc<AttemptFacts>>>);

impl Default for GivenLeases {
    fn default() -> Self {
        Self(Mutex::new(RecentMap::new(GIVEN_LEASES_MAX)))
    }
}

impl AttemptFacts {
    /// Returns the facts of a lease.
    pub(in crate::engine) fn of(lease: &LeaseRecord) -> Self {
        Self {
            lane: lease.lane.clone(),
            function: lease.function.clone(),
            attempt: lease.attempt,
            executor: lease.executor,
            claimed_at_ms: lease.claimed_at_ms,
            spec_digest: lease.spec_digest,
        }
    }
}

impl GivenLeases {
    /// Adds a lease.
    pub(in crate::engine) fn add(&self, lane: &Lane, claimed: &ClaimedLease) {
        let Some(spec_digest) = claimed.spec_digest else { return };
        let facts = AttemptFacts {
            lane: lane.clone(),
            function: claimed.function.clone(),
            attempt: claimed.attempt,
            executor: claimed.executor,
            claimed_at_ms: claimed.claimed_at_ms,
            spec_digest,
        };
        self.lock().add(claimed.process_id, Arc::new(facts), 1);
    }

    /// Returns an attempt. Its lease may be over: every statement that acts on it checks that.
    pub(in crate::engine) fn get(&self, process_id: Uuid, attempt: i32) -> Option<Arc<AttemptFacts>> {
        let given = self.lock();
        let found = given.get(&process_id)?;
        (found.attempt == attempt).then(|| found.clone())
    }

    /// Removes an attempt that ended.
    pub(in crate::engine) fn remove(&self, process_id: Uuid) {
        self.lock().remove(&process_id);
    }

    fn lock(&self) -> MutexGuard<'_, RecentMap<Uuid, Arc<AttemptFacts>>> {
        // Valid after a panic: the map is never left half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use apiary_store::model::ColonyKey;
    use bytes::Bytes;

    use super::*;

    fn claimed(number: u128, attempt: i32) -> ClaimedLease {
        ClaimedLease {
            slot: 0,
            executor: GrantKey(7),
            process_id: Uuid::from_u128(number),
            function: "f".into(),
            attempt,
            retries_spent: 0,
            max_retries: 0,
            claimed_at_ms: 5,
            waiting_since_ms: None,
            expires_at_ms: 1000,
            submitter: GrantKey(8),
            payload: Bytes::new(),
            signature: Vec::new(),
            spec_digest: Some(Digest([1; 32])),
        }
    }

    #[test]
    fn an_attempt_is_known_by_its_number_until_it_ends() {
        let (given, lane) = (GivenLeases::default(), Lane { colony: ColonyKey(1), executor_type: "t".into() });
        given.add(&lane, &claimed(1, 1));
        given.add(&lane, &claimed(1, 2));
        given.add(&lane, &ClaimedLease { spec_digest: None, ..claimed(2, 1) });
        let get = |number, attempt| given.get(Uuid::from_u128(number), attempt);
        assert!(get(1, 1).is_none() && get(2, 1).is_none());
        assert_eq!(get(1, 2).unwrap().claimed_at_ms, 5);
        given.remove(Uuid::from_u128(1));
        assert!(get(1, 2).is_none());
    }

    #[test]
    fn the_oldest_are_dropped() {
        let (given, lane) = (GivenLeases::default(), Lane { colony: ColonyKey(1), executor_type: "t".into() });
        let count = u128::try_from(GIVEN_LEASES_MAX).unwrap();
        (0..=count).for_each(|number| given.add(&lane, &claimed(number, 1)));
        assert!(given.get(Uuid::from_u128(0), 1).is_none());
        assert!(given.get(Uuid::from_u128(count / 2), 1).is_some());
        assert!(given.get(Uuid::from_u128(count), 1).is_some());
    }
}
