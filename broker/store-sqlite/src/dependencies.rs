//! Parents and the processes that wait for them, in SQLite.

use std::collections::HashMap;

use apiary_database::{query, sql};
use apiary_store::limits::{FAILED_PARENTS_SCANNED, FAILED_PARENTS_SHOWN, HEALTH_CHILDREN_MAX};
use apiary_store::model::{ColonyKey, FailedParent, Parent, SettleResult};
use apiary_store::{DependencyStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::SqliteStore;
use crate::batch::ids;
use crate::transaction::{Statement, Write, read};

#[async_trait::async_trait]
impl DependencyStore for SqliteStore {
    async fn parents(&self, colony: ColonyKey, asked: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>> {
        let select = query(sql!("dependencies/parents.sql")).bind(colony.0).bind(ids(asked)?);
        read(&self.readers, select).await?.iter().map(|row| rows::future_parent(row)).collect()
    }

    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>> {
        let select = query(sql!("dependencies/ended_parents.sql")).bind(limit);
        read(&self.readers, select).await?.iter().map(|row| rows::process_id(row)).collect()
    }

    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<SettleResult> {
        // Two reads first, because most processes that end have no children: they need not wait for the writer. An outcome is final, so
        // what was read still holds in the transaction.
        let select = query(sql!("dependencies/awaited.sql")).bind(ids(parents)?);
        let awaited = read(&self.readers, select).await?;
        if awaited.is_empty() {
            return Ok(SettleResult::default());
        }
        let awaited = awaited.iter().map(|row| rows::process_id(row)).collect::<StoreResult<Vec<_>>>()?;
        let found = read(&self.readers, query(sql!("dependencies/settle.sql")).bind(ids(&awaited)?)).await?;
        let ends = found.iter().map(|row| rows::parent_end(row)).collect::<StoreResult<Vec<_>>>()?;
        if ends.is_empty() {
            return Ok(SettleResult::default());
        }
        let mut part = Part { write: Write::begin(&self.writer).await?, settled: SettleResult::default(), now_ms };
        part.release(&checks::succeeded(&ends), limit).await?;
        // One limit for all parents with this outcome: a transaction with too many waits would keep the one writer from everybody else.
        let mut left = limit;
        for (parent, reason) in checks::never_succeeding(&ends) {
            left -= part.cancel(parent, &reason, left).await?;
        }
        let mut left = limit;
        for (parent, by) in checks::replaced(&ends) {
            left -= part.pass_on(parent, by, left).await?;
        }
        part.write.commit().await?;
        Ok(part.settled)
    }
}

pub(super) async fn failed(store: &SqliteStore, colony: ColonyKey) -> StoreResult<Vec<FailedParent>> {
    let select = query(sql!("dependencies/failed.sql"))
        .bind(colony.0)
        .bind(FAILED_PARENTS_SHOWN)
        .bind(FAILED_PARENTS_SCANNED)
        .bind(HEALTH_CHILDREN_MAX);
    read(&store.readers, select).await?.iter().map(|row| rows::failed_parent(row)).collect()
}

/// A transaction that ends a limited number of waits for each outcome.
struct Part {
    write: Write,
    settled: SettleResult,
    now_ms: i64,
}

impl Part {
    async fn release(&mut self, parents: &[Uuid], limit: i64) -> StoreResult<i64> {
        if parents.is_empty() {
            return Ok(0);
        }
        let ended = self.ids(query(sql!("dependencies/release.sql")).bind(ids(parents)?).bind(limit)).await?;
        self.settled.ended += ended.len();
        for row in self.write.rows(query(sql!("steps/release_count.sql")).bind(ids(&ended)?)).await? {
            let (process_id, is_free) = rows::freed(&row)?;
            self.settled.freed.extend(is_free.then_some(process_id));
        }
        Ok(count(&ended))
    }

    async fn cancel(&mut self, parent: Uuid, reason: &str, limit: i64) -> StoreResult<i64> {
        let select = query(sql!("steps/cancel_children.sql")).bind(parent.as_bytes().to_vec()).bind(limit);
        let children = self.ids(select).await?;
        let finish = query(sql!("dependencies/cancel.sql")).bind(ids(&children)?).bind(reason).bind(self.now_ms);
        let cancelled = self.write.rows(finish).await?;
        let cancelled = cancelled.iter().map(|row| rows::of_colony(row)).collect::<StoreResult<Vec<_>>>()?;
        let left: Vec<Uuid> = cancelled.iter().map(|(_, process_id)| *process_id).collect();
        self.write.changed(query(sql!("steps/leave_blocked.sql")).bind(ids(&left)?)).await?;
        self.write.changed(query(sql!("steps/delete_dependencies.sql")).bind(ids(&children)?)).await?;
        // All waits of the child are deleted, also those for other parents: a cancelled process waits for none.
        self.settled.ended += children.len();
        self.settled.cancelled.extend(cancelled);
        Ok(count(&children))
    }

    async fn pass_on(&mut self, parent: Uuid, by: Uuid, limit: i64) -> StoreResult<i64> {
        let pass_on = query(sql!("dependencies/pass_on.sql"))
            .bind(parent.as_bytes().to_vec())
            .bind(by.as_bytes().to_vec())
            .bind(limit);
        let moved = self.write.changed(pass_on).await?;
        self.settled.ended += usize::try_from(moved).unwrap_or(usize::MAX);
        self.settled.replacements.push(by);
        let moved = i64::try_from(moved).unwrap_or(i64::MAX);
        // Children that are left although there is room wait for the replacement already: their second wait ends.
        let twice = if moved < limit { self.release(&[parent], limit - moved).await? } else { 0 };
        Ok(moved.saturating_add(twice))
    }

    async fn ids(&mut self, statement: Statement<'_>) -> StoreResult<Vec<Uuid>> {
        self.write.rows(statement).await?.iter().map(|row| rows::process_id(row)).collect()
    }
}

fn count(ids: &[Uuid]) -> i64 {
    i64::try_from(ids.len()).unwrap_or(i64::MAX)
}
