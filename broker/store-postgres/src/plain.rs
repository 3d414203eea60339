//! Plain claims: one statement and one round trip instead of five, for lanes where nothing restricts who gets what.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::matching::plain::PlainClaim;
use apiary_store::matching::restrictions::grants_of;
use apiary_store::model::{ClaimResult, ClaimSlot, ClaimedLease, Lane, Release};
use apiary_store::{LeaseStore as _, StoreResult, rows};
use sqlx::postgres::PgRow;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
use crate::{PostgresStore, column, signatures};

/// Claims of a lane that are made by an assignment without a try, after a plain claim was impossible.
const ASSIGNMENTS_AFTER_ONE: u8 = 15;
/// Lanes that are remembered; beyond that, all are forgotten, which costs each one statement.
const LANES_MAX: usize = 1024;

/// Lanes in which a plain claim was impossible, so that it is not tried in vain each time.
#[derive(Default)]
pub(super) struct RestrictedLanes {
    /// The number of claims of each lane that are still to be made by an assignment without a try.
    left: Mutex<HashMap<Lane, u8>>,
}

impl RestrictedLanes {
    /// Returns true if a plain claim should be tried.
    fn is_worth_a_try(&self, lane: &Lane) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.get_mut(lane) {
            None => true,
            Some(0) => {
                left.remove(lane);
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn note(&self, lane: &Lane) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= LANES_MAX {
            left.clear();
        }
        left.insert(lane.clone(), ASSIGNMENTS_AFTER_ONE);
    }
}

/// Claims in one statement; returns `None` if the claim must be made by an assignment.
pub(super) async fn claim(
    store: &PostgresStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    clock: &dyn Clock,
) -> StoreResult<Option<ClaimResult>> {
    let Some(plain) = of(store, lane, slots) else { return Ok(None) };
    let (mut session, found) = until_settled!(async {
        let mut session = store.session().await?;
        let found = lease(&mut session, lane, slots, &plain, clock).await?;
        Ok::<_, Fault>((session, found))
    })?;
    let Some(mut claims) = read(store, lane, &plain, &found)? else { return Ok(None) };
    // Outside of what is repeated: the leases are committed.
    if let Err(fault) = signatures::unpack_claimed(&mut session, &store.batches, &mut claims.claimed).await {
        drop(session);
        give_back(store, &claims.claimed, clock).await;
        return Err(fault.into());
    }
    Ok(Some(claims))
}

/// Claims in one statement of a transaction, with the signatures; returns `None` if the claim must be made by an assignment.
pub(super) async fn claim_within(
    session: &mut Session,
    store: &PostgresStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    plain: &PlainClaim,
    clock: &dyn Clock,
) -> Result<Option<ClaimResult>, Fault> {
    let found = lease(session, lane, slots, plain, clock).await?;
    let Some(mut claims) = read(store, lane, plain, &found)? else { return Ok(None) };
    signatures::unpack_claimed(session, &store.batches, &mut claims.claimed).await?;
    Ok(Some(claims))
}

/// Returns the plain form of a claim, if it has one that is worth a try.
pub(super) fn of(store: &PostgresStore, lane: &Lane, slots: &[ClaimSlot]) -> Option<PlainClaim> {
    PlainClaim::of(slots).filter(|_| store.restricted_lanes.is_worth_a_try(lane))
}

async fn lease(
    session: &mut Session,
    lane: &Lane,
    slots: &[ClaimSlot],
    plain: &PlainClaim,
    clock: &dyn Clock,
) -> Result<Vec<PgRow>, Fault> {
    let statement = query(sql!("leases/claim_plain.sql"))
        .bind(lane.colony.0)
        .bind(&lane.executor_type)
        .bind(column(&plain.executors, |executor| executor.0))
        .bind(&plain.lease_ms)
        .bind(&plain.names)
        .bind(&plain.functions)
        .bind(&plain.prefixes)
        .bind(grants_of(slots))
        // Read after the wait for the connection, so that the wait shortens no lease. The statement waits for no lock.
        .bind(clock.now_ms())
        .bind(&plain.instances);
    // Not as a change, which counts as proof that the disk takes writes: a row comes back even if nothing was leased.
    session.rows(statement).await
}

/// Releases leases of which nobody will hear.
async fn give_back(store: &PostgresStore, claimed: &[ClaimedLease], clock: &dyn Clock) {
    let releases: Vec<_> = claimed.iter().map(|claimed| Release::at_once(claimed.reference())).collect();
    if let Err(error) = store.release(&releases, clock.now_ms()).await {
        tracing::warn!(%error, leases = releases.len(), "claimed work could not be given back: it waits until its leases expire");
    }
}

/// Reads the leases; `None` if the claim must be made by an assignment, which is remembered of the lane.
fn read(store: &PostgresStore, lane: &Lane, plain: &PlainClaim, found: &[PgRow]) -> StoreResult<Option<ClaimResult>> {
    let first = match found.first() {
        Some(first) if rows::is_plain(first)? => first,
        _ => {
            store.restricted_lanes.note(lane);
            return Ok(None);
        }
    };
    let mut claimed = Vec::new();
    for row in found {
        if let Some(place) = rows::claim_place(row)? {
            claimed.push(rows::claimed(row, plain.slots.get(place).copied().unwrap_or_default())?);
        }
    }
    let has_more = claimed.len() == plain.slots.len();
    Ok(Some(ClaimResult { claimed, has_more, is_lane_empty: rows::is_lane_empty(first)?, ..ClaimResult::default() }))
}
