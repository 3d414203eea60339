//! A cache of the limits of colonies, for the one question of a submit: is there a limit for this key at all?
//! A pass that counts by limits reads them in its own transaction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_store::model::{ColonyKey, Limits};
use apiary_store::{Store, StoreResult};
use tokio::time::Instant;

use crate::limits::{GRANT_CACHE_KEYS_MAX, LIMITS_REMEMBERED};

/// The cached limits of colonies.
#[derive(Default)]
pub(crate) struct LimitCache {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    by_colony: HashMap<ColonyKey, (Arc<Limits>, Instant)>,
    /// The number of invalidations: limits read before one may be out of date.
    forgotten: u64,
}

impl LimitCache {
    /// Returns the colony's limits, from the cache or the store.
    pub(crate) async fn of(&self, store: &dyn Store, colony: ColonyKey) -> StoreResult<Arc<Limits>> {
        let remembered = self.pages().by_colony.get(&colony).cloned();
        match remembered {
            Some((limits, read_at)) if read_at.elapsed() < LIMITS_REMEMBERED => Ok(limits),
            _ => self.read(store, colony).await,
        }
    }

    /// Returns the colony's limits from the store.
    pub(crate) async fn read(&self, store: &dyn Store, colony: ColonyKey) -> StoreResult<Arc<Limits>> {
        let forgotten = self.pages().forgotten;
        let kept = store.list_limits(colony).await?;
        let limits: Arc<Limits> = Arc::new(kept.into_iter().map(|record| record.limit).collect());
        let mut pages = self.pages();
        if pages.forgotten == forgotten {
            if pages.by_colony.len() >= GRANT_CACHE_KEYS_MAX {
                pages.by_colony.clear();
            }
            pages.by_colony.insert(colony, (limits.clone(), Instant::now()));
        }
        Ok(limits)
    }

    /// Drops a colony whose limits have changed.
    pub(crate) fn forget(&self, colony: ColonyKey) {
        let mut pages = self.pages();
        pages.forgotten = pages.forgotten.wrapping_add(1);
        pages.by_colony.remove(&colony);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
