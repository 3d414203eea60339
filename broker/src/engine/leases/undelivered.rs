//! Leases whose claims were answered, but never heard.

use std::collections::HashSet;
use std::sync::Arc;

use apiary_store::model::{ClaimSlot, GrantKey, InstanceLease, LeaseEnd, LeaseRef, Release};
use apiary_store::{Store, StoreResult};
use uuid::Uuid;

use crate::Error;
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;

/// A run of an executor whose leases are asked for.
pub(crate) struct RunQuery {
    executors: Vec<GrantKey>,
    instance: i64,
    /// The time of the question. What was claimed later is not a part of the answer: the executor may have it by now.
    until_ms: i64,
}

/// Reads the leases of gathered runs: one look at all leases for all who ask, and one look at a time.
pub(crate) struct RunLookup(Arc<dyn Store>);

impl RunLookup {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

#[async_trait::async_trait]
impl Flush for RunLookup {
    type Item = RunQuery;
    type Answer = Vec<LeaseRef>;
    type Key = Uuid;

    fn keys(&self, _query: &RunQuery) -> Vec<Uuid> {
        Vec::new()
    }

    fn bytes(&self, query: &RunQuery) -> usize {
        size_of_val(&*query.executors)
    }

    async fn flush(&self, queries: &[RunQuery]) -> StoreResult<Vec<Result<Vec<LeaseRef>, Error>>> {
        let instances: Vec<i64> = queries.iter().map(|query| query.instance).collect();
        let found = self.0.leases_of_instances(&instances).await?;
        let of = |query: &RunQuery| found.iter().filter(|one| query.asks_for(one)).map(|one| one.lease).collect();
        Ok(queries.iter().map(|query| Ok(of(query))).collect())
    }
}

impl RunQuery {
    /// True for a lease of this run. The number alone does not say so: another executor may have chosen it, too.
    fn asks_for(&self, found: &InstanceLease) -> bool {
        found.instance == self.instance
            && self.executors.contains(&found.lease.executor)
            && found.claimed_at_ms <= self.until_ms
    }
}

impl Engine {
    /// Puts back into the queue what was leased to this run of an executor, except what it holds. No retry is spent.
    pub(super) async fn give_back_undelivered(
        &self,
        slot: &ClaimSlot,
        held: &HashSet<(Uuid, i32)>,
    ) -> Result<(), Error> {
        let Some(instance) = slot.instance else { return Ok(()) };
        let executors: Vec<GrantKey> = slot.grants.iter().map(|grant| grant.key).collect();
        // First, so that no claim of which the executor does not know takes more work.
        self.dispatcher.supersede(&executors, instance);
        let query = RunQuery { executors, instance, until_ms: self.clock.now_ms() };
        let mut lost = self.runs.commit(query).await?;
        lost.retain(|lease| !held.contains(&(lease.process_id, lease.attempt)));
        if lost.is_empty() {
            return Ok(());
        }
        // For the lanes, which the tokens do not name.
        let ids: Vec<Uuid> = lost.iter().map(|lease| lease.process_id).collect();
        let records = self.store.leases(&ids).await?;
        let (releases, now_ms) = (lost.into_iter().map(Release::at_once).collect::<Vec<_>>(), self.clock.now_ms());
        let ends = self.store.release(&releases, now_ms).await?;
        for (release, end) in releases.iter().zip(ends).filter(|(_, end)| *end != LeaseEnd::Lost) {
            let process_id = release.lease.process_id;
            self.lookup.given().remove(process_id);
            let Some(record) = records.iter().find(|record| record.process_id == process_id) else { continue };
            self.wakeups.given_back(&record.lane, process_id, end);
        }
        // The `max_wait` of what waits runs again: the sweep must wake when that is over.
        self.wakeups.due_at(now_ms);
        tracing::info!(leases = releases.len(), "gave back work whose lease the executor never received");
        Ok(())
    }
}
