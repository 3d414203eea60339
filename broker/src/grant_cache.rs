//! The grants of recently seen keys. A stored grant never changes, so a remembered "yes" stays right until the grant expires or is
//! revoked: this broker's revocations are known at once, other brokers send hints about theirs, and because a hint may get lost,
//! revocations are read every few seconds. A "no" is always checked in the store again, because another broker may have
//! added a grant.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::{Clock, Id};
use apiary_store::Store;
use apiary_store::model::{Colony, ColonyKey, GrantKey, GrantRecord, RevokedGrant, StoredGrant};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::hearing::Hearing;
use crate::limits::{GRANT_CACHE_KEYS_MAX, REVOCATIONS_MAX, REVOCATIONS_OVERLAP_MS};

/// Every grant of a key.
type GrantsOfKey = Arc<[GrantRecord]>;

/// The pause after a failed read of revocations.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The shortest pause after any other.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(20);

/// Calls that go on under grants, and end with them.
pub(crate) trait UnderGrants: Send + Sync {
    /// Ends the calls under these revoked grants.
    fn end(&self, revoked: &[RevokedGrant]);
}

/// A cache of colonies and grants.
pub(crate) struct GrantCache {
    store: Arc<dyn Store>,
    colonies: RwLock<HashMap<Id, Colony>>,
    by_key: RwLock<HashMap<(ColonyKey, Id), GrantsOfKey>>,
    stored: RwLock<HashMap<GrantKey, Arc<StoredGrant>>>,
    /// Polls and watches.
    under_grants: Arc<dyn UnderGrants>,
    /// When other brokers' revocations were last read; `None` without other brokers.
    looked_ms: Option<AtomicI64>,
    hearing: Hearing,
    clock: Arc<dyn Clock>,
    /// The throttle of log lines about failed reads of revocations.
    lines: Throttle,
    /// The number of revocations and new grants heard of. Grants read before such an event must not be cached after it.
    revocations: AtomicU64,
}

impl GrantCache {
    /// Returns an empty cache over this store; with `hearing` if other brokers may share it.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        under_grants: Arc<dyn UnderGrants>,
        hearing: Option<Hearing>,
    ) -> Self {
        Self {
            store,
            colonies: RwLock::default(),
            by_key: RwLock::default(),
            stored: RwLock::default(),
            under_grants,
            looked_ms: hearing.is_some().then(|| AtomicI64::new(clock.now_ms())),
            hearing: hearing.unwrap_or_default(),
            lines: Throttle::new(clock.clone()),
            clock,
            revocations: AtomicU64::new(0),
        }
    }

    /// Returns the colony of this key.
    pub(crate) async fn colony(&self, id: &Id) -> Result<Colony, Error> {
        if let Some(colony) = read(&self.colonies, id) {
            return Ok(colony);
        }
        let found = self.store.get_colony(id).await?;
        let colony = found.ok_or_else(|| Error::ColonyUnknown(id.to_string()))?;
        remember(&self.colonies, *id, colony.clone());
        Ok(colony)
    }

    /// Returns true if a call has named this colony lately, and it was found.
    pub(crate) fn remembers_colony(&self, id: &Id) -> bool {
        self.colonies.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Returns the first of the key's grants that is not revoked and `suits`.
    pub(crate) async fn find(
        &self,
        colony: &Colony,
        key: &Id,
        suits: impl Fn(&GrantRecord) -> bool,
    ) -> Result<Option<GrantRecord>, Error> {
        self.look().await?;
        let suits = |grant: &&GrantRecord| grant.revoked_from_ms.is_none() && suits(grant);
        let remembered = read(&self.by_key, &(colony.key, *key));
        if let Some(grant) = remembered.and_then(|grants| grants.iter().find(suits).cloned()) {
            return Ok(Some(grant));
        }
        Ok(self.of_key(colony, key).await?.iter().find(suits).cloned())
    }

    /// Returns the greatest of the key's grants that are not revoked and have a rank; of several alike, the oldest. Remembered grants
    /// decide only if one of them has the rank `most`: a greater one may have been added through another broker.
    pub(crate) async fn find_greatest<R: Ord>(
        &self,
        colony: &Colony,
        key: &Id,
        rank: impl Fn(&GrantRecord) -> Option<R>,
        most: &R,
    ) -> Result<Option<GrantRecord>, Error> {
        let is_most = |grant: &GrantRecord| rank(grant).is_some_and(|rank| rank >= *most);
        self.look().await?;
        let is_kept = |grant: &&GrantRecord| grant.revoked_from_ms.is_none();
        let remembered = read(&self.by_key, &(colony.key, *key));
        if let Some(grant) = remembered.and_then(|all| all.iter().filter(is_kept).find(|one| is_most(one)).cloned()) {
            return Ok(Some(grant));
        }
        let grants = self.of_key(colony, key).await?;
        // The last of equals is the greatest, so the newest comes first.
        let ranked = grants.iter().rev().filter(is_kept).filter_map(|grant| Some((rank(grant)?, grant)));
        Ok(ranked.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, grant)| grant.clone()))
    }

    /// Returns every grant of a key, as it is now, including expired and revoked ones.
    pub(crate) async fn of_key(&self, colony: &Colony, key: &Id) -> Result<GrantsOfKey, Error> {
        let revocations = self.revocations.load(Ordering::Acquire);
        let grants: GrantsOfKey = self.store.grants_of_key(colony, key).await?.into();
        if !grants.is_empty() {
            remember(&self.by_key, (colony.key, *key), grants.clone());
            if self.revocations.load(Ordering::Acquire) != revocations {
                forget(&self.by_key, &(colony.key, *key));
            }
        }
        Ok(grants)
    }

    /// Returns all of the key's grants that are not revoked and `suit`, the oldest first.
    pub(crate) async fn find_all(
        &self,
        colony: &Colony,
        key: &Id,
        suit: impl Fn(&GrantRecord) -> bool,
    ) -> Result<Vec<GrantRecord>, Error> {
        self.look().await?;
        let suit = |grant: &&GrantRecord| grant.revoked_from_ms.is_none() && suit(grant);
        let suitable = |grants: &GrantsOfKey| grants.iter().filter(suit).cloned().collect::<Vec<_>>();
        match read(&self.by_key, &(colony.key, *key)).map(|grants| suitable(&grants)) {
            Some(found) if !found.is_empty() => Ok(found),
            _ => Ok(suitable(&self.of_key(colony, key).await?)),
        }
    }

    /// Forgets these revoked grants, and ends their polls and watches.
    pub(crate) fn revoked(&self, grants: &[RevokedGrant]) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        for grant in grants {
            forget(&self.by_key, &(grant.colony, grant.grantee));
            forget(&self.stored, &grant.key);
        }
        self.under_grants.end(grants);
    }

    /// Forgets the cached grants of a colony: another broker has stored a new one, so they may be incomplete.
    pub(crate) fn forget_colony(&self, colony: ColonyKey) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.by_key.write().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != colony);
    }

    /// Reads other brokers' revocations regularly, until `stop`, even without calls: polls and watches wait for long.
    pub(crate) async fn keep_looking(&self, stop: &CancellationToken) {
        let Some(looked_ms) = &self.looked_ms else { return };
        let mut pause = self.hearing.interval();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = match self.look().await {
                Ok(()) => {
                    let age_ms = self.clock.now_ms().saturating_sub(looked_ms.load(Ordering::Acquire));
                    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
                    self.hearing.interval().saturating_sub(age).max(LOOK_PAUSE_MIN)
                }
                Err(error) => {
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&error) {
                        tracing::warn!(error, held_back, "cannot read revocations; trying again");
                    }
                    PAUSE_AFTER_FAILURE
                }
            };
        }
    }

    /// Reads other brokers' revocations if the last read is old. A concurrent caller does not wait for it, and uses the cache.
    async fn look(&self) -> Result<(), Error> {
        let Some(looked_ms) = &self.looked_ms else { return Ok(()) };
        let (last_ms, now_ms) = (looked_ms.load(Ordering::Acquire), self.clock.now_ms());
        let age_ms = now_ms.saturating_sub(last_ms);
        if i64::try_from(self.hearing.interval().as_millis()).is_ok_and(|every_ms| age_ms < every_ms)
            || looked_ms.compare_exchange(last_ms, now_ms, Ordering::AcqRel, Ordering::Acquire).is_err()
        {
            return Ok(());
        }
        let since_ms = last_ms.saturating_sub(REVOCATIONS_OVERLAP_MS);
        match self.store.revoked_grants(since_ms, REVOCATIONS_MAX).await {
            Ok(grants) if i64::try_from(grants.len()).is_ok_and(|count| count >= REVOCATIONS_MAX) => {
                self.revoked(&grants);
                self.by_key.write().unwrap_or_else(PoisonError::into_inner).clear();
            }
            Ok(grants) if grants.is_empty() => {}
            Ok(grants) => self.revoked(&grants),
            Err(error) => {
                // The next call tries again, from the same time.
                looked_ms.store(last_ms, Ordering::Release);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Returns these grants as the database holds them, for callers that verify them themselves.
    pub(crate) async fn stored(
        &self,
        keys: impl IntoIterator<Item = GrantKey>,
    ) -> Result<HashMap<GrantKey, Arc<StoredGrant>>, Error> {
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for key in keys {
            match read(&self.stored, &key) {
                Some(grant) => {
                    found.insert(key, grant);
                }
                None => missing.push(key),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            for grant in self.store.grants_by_key(&missing).await? {
                let grant = Arc::new(grant);
                remember(&self.stored, grant.key, grant.clone());
                found.insert(grant.key, grant);
            }
        }
        Ok(found)
    }

    /// Returns true if any of these grants is about this key.
    pub(crate) async fn is_any_of(&self, key: &Id, grants: impl IntoIterator<Item = GrantKey>) -> Result<bool, Error> {
        Ok(self.stored(grants).await?.values().any(|grant| grant.is_of(key)))
    }
}

fn read<K: Eq + std::hash::Hash, V: Clone>(map: &RwLock<HashMap<K, V>>, key: &K) -> Option<V> {
    map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn forget<K: Eq + std::hash::Hash, V>(map: &RwLock<HashMap<K, V>>, key: &K) {
    map.write().unwrap_or_else(PoisonError::into_inner).remove(key);
}

/// Adds a value. A full cache is emptied, which costs a few reads and needs no order of use.
fn remember<K: Eq + std::hash::Hash, V>(map: &RwLock<HashMap<K, V>>, key: K, value: V) {
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= GRANT_CACHE_KEYS_MAX {
        map.clear();
    }
    map.insert(key, value);
}
