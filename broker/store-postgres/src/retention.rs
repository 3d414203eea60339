//! Retention in Postgres. One broker deletes at a time.

use apiary_database::{query, sql};
use apiary_store::limits::RETENTION_HOLDS_MAX;
use apiary_store::model::{ColonyKey, ProcessState, RangeResult, RetentionBacklog, RetentionHold, RetentionRange};
use apiary_store::{RetentionStore, StoreError, StoreResult, rows};

use crate::fault::{Fault, until_settled};
use crate::{PostgresStore, column};

#[async_trait::async_trait]
impl RetentionStore for PostgresStore {
    async fn past_retention(
        &self,
        state: ProcessState,
        until_ms: i64,
        fronts: &[(ColonyKey, i64)],
    ) -> StoreResult<Vec<(ColonyKey, i64)>> {
        let select = query(sql!("retention/past_retention.sql"))
            .bind(state.as_str())
            .bind(until_ms)
            .bind(column(fronts, |(colony, _)| colony.0))
            .bind(column(fronts, |(_, after_ms)| *after_ms));
        self.session().await?.rows(select).await?.iter().map(|row| rows::past_retention(row)).collect()
    }

    async fn delete_past(&self, range: &RetentionRange) -> StoreResult<Option<RangeResult>> {
        let result = until_settled!(delete_once(self, range))?;
        if result.is_some_and(|result| result.deleted > 0) {
            forget_batches(self).await;
        }
        Ok(result)
    }

    async fn retention_backlog(&self, range: &RetentionRange) -> StoreResult<RetentionBacklog> {
        let select = query(sql!("retention/backlog.sql"))
            .bind(range.colony.0)
            .bind(range.state.as_str())
            .bind(range.after_ms)
            .bind(range.until_ms)
            .bind(range.rows)
            .bind(range.now_ms);
        let row = self.session().await?.row(select).await?;
        rows::retention_backlog(&row.ok_or_else(no_row)?)
    }

    async fn set_retention_hold(&self, colony: ColonyKey, hold: &RetentionHold) -> StoreResult<Option<i64>> {
        until_settled!(set_hold_once(self, colony, hold))
    }

    async fn remove_retention_hold(&self, colony: ColonyKey, name: &str) -> StoreResult<bool> {
        let delete = query(sql!("retention/remove_hold.sql")).bind(colony.0).bind(name);
        Ok(self.session().await?.changed(delete).await? > 0)
    }

    async fn list_retention_holds(&self, colony: ColonyKey) -> StoreResult<Vec<RetentionHold>> {
        let select = query(sql!("retention/list_holds.sql")).bind(colony.0);
        self.session().await?.rows(select).await?.iter().map(|row| rows::retention_hold(row)).collect()
    }
}

async fn delete_once(store: &PostgresStore, range: &RetentionRange) -> Result<Option<RangeResult>, Fault> {
    let delete = query(sql!("retention/delete_past.sql"))
        .bind(range.colony.0)
        .bind(range.state.as_str())
        .bind(range.after_ms)
        .bind(range.until_ms)
        .bind(range.rows)
        .bind(range.now_ms)
        .bind(range.record_after_ms);
    let mut session = store.session().await?;
    session.begin().await?;
    let deleted = async {
        if session.row(query(sql!("retention/try_lock.sql"))).await?.is_none() {
            return Ok(None);
        }
        let row = session.row(delete).await?;
        Ok(Some(rows::range_result(&row.ok_or_else(no_row)?)?))
    }
    .await;
    session.end(deleted).await
}

async fn set_hold_once(store: &PostgresStore, colony: ColonyKey, hold: &RetentionHold) -> Result<Option<i64>, Fault> {
    let set = query(sql!("retention/set_hold.sql"))
        .bind(colony.0)
        .bind(&hold.name)
        .bind(hold.from_ms)
        .bind(RETENTION_HOLDS_MAX);
    let mut session = store.session().await?;
    session.begin().await?;
    let stands = async {
        session.rows(query(sql!("retention/lock.sql"))).await?;
        let row = session.row(set).await?;
        Ok(row.map(|row| rows::retention_hold_from(&row)).transpose()?)
    }
    .await;
    session.end(stands).await
}

/// Deletes the batches of signatures that nothing refers to any more.
async fn forget_batches(store: &PostgresStore) {
    let forgotten: Result<u64, Fault> =
        async { store.session().await?.changed_little(query(sql!("signatures/forget.sql"))).await }.await;
    // The next deletion removes the batches that are left.
    if let Err(fault) = forgotten {
        tracing::debug!(error = %StoreError::from(fault), "batches of signatures without members were not deleted");
    }
}

fn no_row() -> StoreError {
    StoreError::Corrupt("a statement that returns one row always returned none".to_owned())
}
