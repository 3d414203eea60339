//! Who waits for whom, in Postgres.

use sqlx::query;
use uuid::Uuid;

use super::PostgresStore;
use super::fault::{Fault, until_settled};
use crate::model::{ColonyKey, FailedParent, ParentEnd, Settled};
use crate::store::{StoreResult, checks, rows};

/// One statement an end. All of them may be repeated, and what one broker does another passes over.
pub(super) async fn settle(
    store: &PostgresStore,
    parents: Option<&[Uuid]>,
    now_ms: i64,
    limit: i64,
) -> StoreResult<Settled> {
    let (ends, mut settled) = (due(store, parents, limit).await?, Settled::default());
    for (parent, end) in &ends {
        if let ParentEnd::Replaced(by) = end {
            settled.ended += until_settled!(pass_on(store, *parent, *by))?;
        }
    }
    let succeeded = checks::succeeded(&ends);
    if !succeeded.is_empty() {
        let released = until_settled!(release(store, &succeeded, limit))?;
        settled.ended += released.len();
        settled.freed.extend(released.into_iter().filter(|(_, is_free)| *is_free).map(|(process_id, _)| process_id));
    }
    let lost = checks::never_succeeding(&ends);
    if !lost.is_empty() {
        until_settled!(cancel(store, &lost, now_ms, limit, &mut settled))?;
    }
    Ok(settled)
}

pub(super) async fn failed(store: &PostgresStore, colony: ColonyKey, limit: i64) -> StoreResult<Vec<FailedParent>> {
    let select = query(include_str!("dependencies/failed.sql")).bind(colony.0).bind(limit);
    store.session().await?.rows(select).await?.iter().map(|row| rows::failed_parent(row)).collect()
}

async fn due(store: &PostgresStore, parents: Option<&[Uuid]>, limit: i64) -> StoreResult<Vec<(Uuid, ParentEnd)>> {
    let select = match parents {
        Some([]) => return Ok(Vec::new()),
        Some(parents) => query(include_str!("dependencies/due.sql")).bind(parents),
        None => query(include_str!("dependencies/due_all.sql")).bind(limit),
    };
    store.session().await?.rows(select).await?.iter().map(|row| rows::parent_end(row)).collect()
}

async fn pass_on(store: &PostgresStore, parent: Uuid, by: Uuid) -> Result<usize, Fault> {
    let statement = query(include_str!("dependencies/pass_on.sql")).bind(parent).bind(by);
    Ok(store.session().await?.rows(statement).await?.len())
}

async fn release(store: &PostgresStore, parents: &[Uuid], limit: i64) -> Result<Vec<(Uuid, bool)>, Fault> {
    let statement = query(include_str!("dependencies/release.sql")).bind(parents).bind(limit);
    let found = store.session().await?.rows(statement).await?;
    Ok(found.iter().map(|row| rows::freed(row)).collect::<StoreResult<_>>()?)
}

async fn cancel(
    store: &PostgresStore,
    lost: &[(Uuid, String)],
    now_ms: i64,
    limit: i64,
    settled: &mut Settled,
) -> Result<(), Fault> {
    let (parents, reasons): (Vec<Uuid>, Vec<&str>) = lost.iter().map(|(id, reason)| (*id, reason.as_str())).unzip();
    let statement = query(include_str!("dependencies/cancel.sql")).bind(parents).bind(reasons).bind(now_ms).bind(limit);
    for row in store.session().await?.rows(statement).await? {
        settled.ended += 1;
        settled.cancelled.extend(rows::of_colony_if_any(&row)?);
    }
    Ok(())
}
