//! Renewals of leases.

use std::sync::Arc;

use apiary_identity::Clock;
use apiary_store::StoreResult;
use apiary_store::model::{Renewal, RenewedLease};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::leases::lookup::{Holder, LeaseLookup};

impl Engine {
    /// Renews a lease; returns its end, a cancellation if there is one, and whether its executor, or the broker, is being drained.
    pub(crate) async fn renew(
        &self,
        permit: Permit<action::Renew>,
        process_id: Uuid,
        attempt: i32,
        lease_ms: i64,
    ) -> Result<RenewedLease, Error> {
        self.contacts.touch((permit.colony().key, permit.key()));
        let holder = Holder::new(&permit, process_id, attempt)?;
        let renewed = self.renewals.commit(RenewItem { holder, lease_ms }).await?;
        Ok(RenewedLease { is_drained: renewed.is_drained || self.drain.is_cancelled(), ..renewed })
    }
}

/// A lease to renew.
pub(crate) struct RenewItem {
    holder: Holder,
    lease_ms: i64,
}

/// Writes gathered renewals.
pub(crate) struct RenewFlush {
    lookup: LeaseLookup,
    clock: Arc<dyn Clock>,
}

impl RenewFlush {
    pub(crate) fn new(lookup: LeaseLookup, clock: Arc<dyn Clock>) -> Self {
        Self { lookup, clock }
    }
}

#[async_trait::async_trait]
impl Flush for RenewFlush {
    type Item = RenewItem;
    type Answer = RenewedLease;
    type Key = Uuid;

    fn keys(&self, item: &RenewItem) -> Vec<Uuid> {
        vec![item.holder.process_id]
    }

    fn bytes(&self, _: &RenewItem) -> usize {
        size_of::<RenewItem>()
    }

    async fn flush(&self, items: &[RenewItem]) -> StoreResult<Vec<Result<RenewedLease, Error>>> {
        let now_ms = self.clock.now_ms();
        let leases = self.lookup.held(items.iter().map(|item| &item.holder)).await?;
        let (mut answers, mut renewals, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, lease) in items.iter().zip(&leases) {
            // Until the database says otherwise, the lease is lost.
            answers.push(Err(item.holder.lost()));
            if let Some(lease) = lease {
                places.push(answers.len() - 1);
                renewals
                    .push(Renewal { lease: lease.reference(), expires_at_ms: now_ms.saturating_add(item.lease_ms) });
            }
        }
        let renewed = self.lookup.store().renew(&renewals, now_ms).await?;
        for (place, renewed) in places.into_iter().zip(renewed) {
            if let Some(renewed) = renewed {
                answers[place] = Ok(renewed);
            }
        }
        Ok(answers)
    }
}
