//! Lanes, polls and leases of tests.

use std::sync::Arc;

use apiary_identity::{Offer, Scopes};
use apiary_store::model::{ClaimResult, ClaimSlot, ClaimedLease, ColonyKey, GrantKey, Lane, SlotGrant};
use bytes::Bytes;
use uuid::Uuid;

/// Returns the lane of most tests.
pub(super) fn lane() -> Lane {
    Lane { colony: ColonyKey(1), executor_type: "t".into() }
}

/// Returns a poll under this grant, for so many leases.
pub(super) fn slot(key: i64, count: usize) -> ClaimSlot {
    let grant = SlotGrant { key: GrantKey(key), name: "bee".into(), scopes: Scopes::default() };
    ClaimSlot { grants: [grant].into(), offer: Arc::new(Offer::default()), count, lease_ms: 1000, instance: None }
}

/// Returns a new lease for the poll with this number in its pass.
pub(super) fn lease(slot: usize) -> ClaimedLease {
    ClaimedLease {
        slot,
        executor: GrantKey(7),
        process_id: Uuid::new_v4(),
        function: "f".into(),
        attempt: 1,
        retries_spent: 0,
        max_retries: 0,
        claimed_at_ms: 0,
        waiting_since_ms: None,
        expires_at_ms: 1000,
        submitter: GrantKey(8),
        payload: Bytes::new(),
        signature: Vec::new(),
        spec_digest: None,
    }
}

/// Returns the outcome of a pass that leased this.
pub(super) fn gave(claimed: Vec<ClaimedLease>) -> ClaimResult {
    ClaimResult { claimed, ..ClaimResult::default() }
}
