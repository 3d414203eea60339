//! Leases in Postgres.

use std::collections::HashMap;

use sqlx::query;
use uuid::Uuid;

use super::fault::{Fault, until_settled};
use super::session::Session;
use super::{PostgresStore, column, process_ids};
use crate::model::{ClaimSlot, Claimed, Completion, Failure, Lane, LeaseRecord, LeaseRef, Renewal, SpecRecord};
use crate::store::assignment::{Assignment, PAGE_MAX};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn claim(
    store: &PostgresStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    now_ms: i64,
) -> StoreResult<Vec<Claimed>> {
    if slots.iter().all(|slot| slot.count == 0) {
        return Ok(Vec::new());
    }
    until_settled!(claim_once(store, lane, slots, now_ms))
}

async fn claim_once(
    store: &PostgresStore,
    lane: &Lane,
    slots: &[ClaimSlot],
    now_ms: i64,
) -> Result<Vec<Claimed>, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    match lease(&mut session, lane, slots, now_ms).await {
        Ok(claimed) => {
            session.commit().await?;
            Ok(claimed)
        }
        Err(fault) => {
            session.rollback().await;
            Err(fault)
        }
    }
}

async fn lease(session: &mut Session, lane: &Lane, slots: &[ClaimSlot], now_ms: i64) -> Result<Vec<Claimed>, Fault> {
    let assignment = assign(session, lane, slots).await?;
    let taken = assignment.taken();
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let slot = |(_, index): &(Uuid, usize)| &slots[*index];
    let statement = query(include_str!("leases/claim.sql"))
        .bind(column(taken, |(process_id, _)| *process_id))
        .bind(column(taken, |one| slot(one).executor.0))
        .bind(column(taken, |one| slot(one).lease_ms))
        .bind(now_ms);
    let leased = session.rows(statement).await?;
    Ok(assignment.claimed(&leased)?)
}

/// Looks through the lane, in its order, until the slots are full or nothing is left that one of them could take.
/// Usually that is one page: only work for executors that are full already makes a second one necessary.
async fn assign<'s>(session: &mut Session, lane: &Lane, slots: &'s [ClaimSlot]) -> Result<Assignment<'s>, Fault> {
    let mut assignment = Assignment::new(slots);
    let (mut after, mut is_last) = ((i64::MIN, Uuid::nil()), false);
    while assignment.room() > 0 && !is_last {
        let page = i64::try_from(assignment.room().min(PAGE_MAX)).unwrap_or(i64::MAX);
        let select = query(include_str!("leases/claim_candidates.sql"))
            .bind(lane.colony.0)
            .bind(&lane.executor_type)
            .bind(assignment.names())
            .bind(after.0)
            .bind(after.1)
            .bind(page);
        let found = session.rows(select).await?;
        is_last = i64::try_from(found.len()).unwrap_or(i64::MAX) < page;
        for row in &found {
            let candidate = rows::candidate(row)?;
            after = (candidate.priority_time_us, candidate.process_id);
            assignment.offer(&candidate);
        }
    }
    Ok(assignment)
}

pub(super) async fn renew(store: &PostgresStore, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<i64>>> {
    if renewals.is_empty() {
        return Ok(Vec::new());
    }
    let sorted = sorted(renewals, |renewal| renewal.lease.process_id);
    let renewed: HashMap<Uuid, i64> = until_settled!(async {
        let update = query(include_str!("leases/renew.sql"))
            .bind(column(&sorted, |renewal| renewal.lease.process_id))
            .bind(column(&sorted, |renewal| renewal.lease.attempt))
            .bind(column(&sorted, |renewal| renewal.lease.executor.0))
            .bind(column(&sorted, |renewal| renewal.expires_at_ms))
            .bind(now_ms);
        let found = store.session().await?.rows(update).await?;
        Ok::<_, Fault>(found.iter().map(|row| rows::renewed(row)).collect::<StoreResult<_>>()?)
    })?;
    Ok(checks::in_order(renewals, |renewal| renewal.lease.process_id, &renewed))
}

pub(super) async fn get(store: &PostgresStore, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>> {
    if process_ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = query(include_str!("leases/get.sql")).bind(process_ids);
    store.session().await?.rows(select).await?.iter().map(|row| rows::lease_record(row)).collect()
}

pub(super) async fn specs(store: &PostgresStore, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>> {
    if process_ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = query(include_str!("leases/specs.sql")).bind(process_ids);
    store.session().await?.rows(select).await?.iter().map(|row| rows::spec_record(row)).collect()
}

pub(super) async fn complete(store: &PostgresStore, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<bool>> {
    if completions.is_empty() {
        return Ok(Vec::new());
    }
    let sorted = sorted(completions, |completion| completion.lease.process_id);
    let ended = until_settled!(async {
        let statement = query(include_str!("leases/complete.sql"))
            .bind(column(&sorted, |completion| completion.lease.process_id))
            .bind(column(&sorted, |completion| completion.lease.attempt))
            .bind(column(&sorted, |completion| completion.lease.executor.0))
            .bind(column(&sorted, |completion| &completion.payload[..]))
            .bind(column(&sorted, |completion| completion.signature.as_slice()))
            .bind(now_ms);
        Ok::<_, Fault>(process_ids(&store.session().await?.rows(statement).await?)?)
    })?;
    Ok(checks::answered(completions, |completion| completion.lease.process_id, &ended))
}

pub(super) async fn fail(store: &PostgresStore, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<bool>> {
    if failures.is_empty() {
        return Ok(Vec::new());
    }
    checks::check_failures(failures)?;
    let sorted = sorted(failures, |failure| failure.lease.process_id);
    let ended = until_settled!(async {
        let statement = query(include_str!("leases/fail.sql"))
            .bind(column(&sorted, |failure| failure.lease.process_id))
            .bind(column(&sorted, |failure| failure.lease.attempt))
            .bind(column(&sorted, |failure| failure.lease.executor.0))
            .bind(column(&sorted, |failure| failure.only_if_over_at_ms))
            .bind(column(&sorted, |failure| failure.ending.as_str()))
            .bind(column(&sorted, |failure| checks::storable(&failure.reason).into_owned()))
            .bind(column(&sorted, |failure| failure.result.as_ref().map(|(payload, _)| &payload[..])))
            .bind(column(&sorted, |failure| failure.result.as_ref().map(|(_, signature)| signature.as_slice())))
            .bind(column(&sorted, |failure| failure.next.as_str()))
            .bind(column(&sorted, |failure| failure.blocked_until_ms))
            .bind(column(&sorted, |failure| failure.retries_spent))
            .bind(now_ms);
        Ok::<_, Fault>(process_ids(&store.session().await?.rows(statement).await?)?)
    })?;
    Ok(checks::answered(failures, |failure| failure.lease.process_id, &ended))
}

pub(super) async fn release(store: &PostgresStore, leases: &[LeaseRef], now_ms: i64) -> StoreResult<Vec<bool>> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let sorted = sorted(leases, |lease| lease.process_id);
    let ended = until_settled!(async {
        let statement = query(include_str!("leases/release.sql"))
            .bind(column(&sorted, |lease| lease.process_id))
            .bind(column(&sorted, |lease| lease.attempt))
            .bind(column(&sorted, |lease| lease.executor.0))
            .bind(now_ms);
        Ok::<_, Fault>(process_ids(&store.session().await?.rows(statement).await?)?)
    })?;
    Ok(checks::answered(leases, |lease| lease.process_id, &ended))
}

/// One order of rows for all brokers makes deadlocks rare; those that still happen are run again.
fn sorted<T>(items: &[T], process_id: impl Fn(&T) -> Uuid) -> Vec<&T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable_by_key(|item| process_id(item));
    sorted
}
