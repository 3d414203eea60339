//! The grants of recently seen keys. A grant never changes once it is kept, so a remembered "yes" stays right until its
//! time is over; a "no" is always asked of the store again, because another broker may have added a grant.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use apiary_identity::Id;

use crate::Error;
use crate::limits::GRANT_CACHE_KEYS_MAX;
use crate::model::{Colony, ColonyKey, GrantKey, GrantRecord, StoredGrant};
use crate::store::Store;

/// Every grant of a key.
type GrantsOfKey = Arc<[GrantRecord]>;

/// Colonies and grants, remembered.
pub(crate) struct GrantBook {
    store: Arc<dyn Store>,
    colonies: RwLock<HashMap<Id, Colony>>,
    by_key: RwLock<HashMap<(ColonyKey, Id), GrantsOfKey>>,
    stored: RwLock<HashMap<GrantKey, Arc<StoredGrant>>>,
}

impl GrantBook {
    /// An empty book over this store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, colonies: RwLock::default(), by_key: RwLock::default(), stored: RwLock::default() }
    }

    /// The colony of this key.
    pub(crate) async fn colony(&self, id: &Id) -> Result<Colony, Error> {
        if let Some(colony) = read(&self.colonies, id) {
            return Ok(colony);
        }
        let found = self.store.get_colony(id).await?;
        let colony = found.ok_or_else(|| Error::ColonyUnknown(id.to_string()))?;
        remember(&self.colonies, *id, colony.clone());
        Ok(colony)
    }

    /// The first of the key's grants that `suits`.
    pub(crate) async fn find(
        &self,
        colony: &Colony,
        key: &Id,
        suits: impl Fn(&GrantRecord) -> bool,
    ) -> Result<Option<GrantRecord>, Error> {
        let remembered = read(&self.by_key, &(colony.key, *key));
        if let Some(grant) = remembered.and_then(|grants| grants.iter().find(|grant| suits(grant)).cloned()) {
            return Ok(Some(grant));
        }
        let grants = self.read_grants(colony, key).await?;
        Ok(grants.iter().find(|grant| suits(grant)).cloned())
    }

    /// Every grant of the key as the database has it now; they are remembered.
    async fn read_grants(&self, colony: &Colony, key: &Id) -> Result<GrantsOfKey, Error> {
        let grants: GrantsOfKey = self.store.grants_of_key(colony, key).await?.into();
        if !grants.is_empty() {
            remember(&self.by_key, (colony.key, *key), grants.clone());
        }
        Ok(grants)
    }

    /// All of the key's grants that `suit`, the oldest first.
    pub(crate) async fn find_all(
        &self,
        colony: &Colony,
        key: &Id,
        suit: impl Fn(&GrantRecord) -> bool,
    ) -> Result<Vec<GrantRecord>, Error> {
        let suitable = |grants: &GrantsOfKey| grants.iter().filter(|grant| suit(grant)).cloned().collect::<Vec<_>>();
        match read(&self.by_key, &(colony.key, *key)).map(|grants| suitable(&grants)) {
            Some(found) if !found.is_empty() => Ok(found),
            _ => Ok(suitable(&self.read_grants(colony, key).await?)),
        }
    }

    /// These grants as the database holds them, for those who check them themselves.
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
}

fn read<K: Eq + std::hash::Hash, V: Clone>(map: &RwLock<HashMap<K, V>>, key: &K) -> Option<V> {
    map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

/// Remembers within bounds: a full book is emptied, which costs a few reads and needs no order of use.
fn remember<K: Eq + std::hash::Hash, V>(map: &RwLock<HashMap<K, V>>, key: K, value: V) {
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= GRANT_CACHE_KEYS_MAX {
        map.clear();
    }
    map.insert(key, value);
}
