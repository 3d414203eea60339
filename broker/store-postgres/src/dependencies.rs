//! Parents and the processes that wait for them, in Postgres.

use std::collections::HashMap;

use apiary_database::{query, sql};
use apiary_store::limits::{FAILED_PARENTS_SCANNED, FAILED_PARENTS_SHOWN, HEALTH_CHILDREN_MAX};
use apiary_store::model::{ColonyKey, FailedParent, Parent, SettleResult};
use apiary_store::{DependencyStore, StoreResult, checks, rows};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Statement;
use crate::{PostgresStore, process_ids};

#[async_trait::async_trait]
impl DependencyStore for PostgresStore {
    async fn parents(&self, colony: ColonyKey, ids: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>> {
        let select = query(sql!("dependencies/parents.sql")).bind(colony.0).bind(ids);
        self.session().await?.rows(select).await?.iter().map(|row| rows::future_parent(row)).collect()
    }

    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>> {
        let select = query(sql!("dependencies/ended_parents.sql")).bind(limit);
        process_ids(&self.session().await?.rows(select).await?)
    }

    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<SettleResult> {
        // One statement for each outcome, without a common transaction: each may be repeated, and passes over rows that another broker
        // is changing. So a failure in between loses nothing.
        let mut settled = SettleResult::default();
        let mut session = self.session().await?;
        // Asked first and alone, because most processes that end have no children.
        let select = query(sql!("dependencies/awaited.sql")).bind(parents);
        let awaited = process_ids(&session.rows(select).await?)?;
        if awaited.is_empty() {
            return Ok(settled);
        }
        let found = session.rows(query(sql!("dependencies/settle.sql")).bind(awaited)).await?;
        // The statements below take connections of their own. Holding this one meanwhile could exhaust the pool when many calls do so.
        drop(session);
        let ends = found.iter().map(|row| rows::parent_end(row)).collect::<StoreResult<Vec<_>>>()?;
        let succeeded = checks::succeeded(&ends);
        if !succeeded.is_empty() {
            let released = until_settled!(release(self, &succeeded, limit))?;
            settled.ended += released.len();
            settled
                .freed
                .extend(released.into_iter().filter(|(_, is_free)| *is_free).map(|(process_id, _)| process_id));
        }
        // An outcome is final, so what was read before this statement still holds.
        let lost = checks::never_succeeding(&ends);
        if !lost.is_empty() {
            until_settled!(cancel(self, &lost, now_ms, limit, &mut settled))?;
        }
        // The replacement may have ended already. The caller settles it next, hence its id in the answer.
        for (parent, by) in checks::replaced(&ends) {
            settled.ended += until_settled!(pass_on(self, parent, by, limit))?;
            settled.replacements.push(by);
        }
        Ok(settled)
    }
}

pub(super) async fn failed(store: &PostgresStore, colony: ColonyKey) -> StoreResult<Vec<FailedParent>> {
    let select = query(sql!("dependencies/failed.sql"))
        .bind(colony.0)
        .bind(FAILED_PARENTS_SHOWN)
        .bind(FAILED_PARENTS_SCANNED)
        .bind(HEALTH_CHILDREN_MAX);
    store.session().await?.rows(select).await?.iter().map(|row| rows::failed_parent(row)).collect()
}

async fn release(store: &PostgresStore, parents: &[Uuid], limit: i64) -> Result<Vec<(Uuid, bool)>, Fault> {
    let statement = query(sql!("dependencies/release.sql")).bind(parents).bind(limit);
    let found = planned_anew(store, statement).await?;
    Ok(found.iter().map(|row| rows::freed(row)).collect::<StoreResult<_>>()?)
}

async fn cancel(
    store: &PostgresStore,
    lost: &[(Uuid, String)],
    now_ms: i64,
    limit: i64,
    settled: &mut SettleResult,
) -> Result<(), Fault> {
    let (parents, reasons): (Vec<Uuid>, Vec<&str>) = lost.iter().map(|(id, reason)| (*id, reason.as_str())).unzip();
    let statement = query(sql!("dependencies/cancel.sql")).bind(parents).bind(reasons).bind(now_ms).bind(limit);
    for row in planned_anew(store, statement).await? {
        settled.ended += 1;
        settled.cancelled.extend(rows::of_colony_if_any(&row)?);
    }
    Ok(())
}

async fn pass_on(store: &PostgresStore, parent: Uuid, by: Uuid, limit: i64) -> Result<usize, Fault> {
    let statement = query(sql!("dependencies/pass_on.sql")).bind(parent).bind(by).bind(limit);
    Ok(planned_anew(store, statement).await?.len())
}

/// Runs a statement with a new plan: a plan that was kept from when these tables were empty would read them from end to end once they
/// are full. It runs in a transaction, so that a pooler sends the plan and the call to the same server connection.
async fn planned_anew(store: &PostgresStore, statement: Statement<'_>) -> Result<Vec<PgRow>, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let found = session.rows(statement.persistent(false)).await;
    session.end(found).await
}
