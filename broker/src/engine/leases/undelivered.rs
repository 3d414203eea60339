//! Leases whose claims were answered, but never heard.

use std::collections::HashSet;

use apiary_store::model::{ClaimSlot, GrantKey, LeaseEnd, Release};
use uuid::Uuid;

use crate::Error;
use crate::engine::Engine;
use crate::engine::notify::wakeups::Change;

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
        let mut lost = self.store.leases_of_instance(&executors, instance).await?;
        lost.retain(|lease| !held.contains(&(lease.process_id, lease.attempt)));
        if lost.is_empty() {
            return Ok(());
        }
        // For the lanes, which the tokens do not name.
        let ids: Vec<Uuid> = lost.iter().map(|lease| lease.process_id).collect();
        let records = self.store.leases(&ids).await?;
        let releases: Vec<Release> = lost.into_iter().map(Release::at_once).collect();
        let ends = self.store.release(&releases, self.clock.now_ms()).await?;
        for (release, end) in releases.iter().zip(ends).filter(|(_, end)| *end != LeaseEnd::Lost) {
            let process_id = release.lease.process_id;
            self.lookup.given().remove(process_id);
            let Some(record) = records.iter().find(|record| record.process_id == process_id) else { continue };
            let change = Change { colony: record.lane.colony, process_id };
            if end == LeaseEnd::Done {
                self.wakeups.work(&record.lane);
                self.wakeups.changed(change);
            } else {
                self.wakeups.ended(change);
            }
        }
        tracing::info!(leases = releases.len(), "gave back work whose lease the executor never received");
        Ok(())
    }
}
