//! Retention in SQLite.

use apiary_database::{Sql, query, sql};
use apiary_store::limits::RETENTION_HOLDS_MAX;
use apiary_store::model::{ColonyKey, ProcessState, RangeResult, RetentionBacklog, RetentionHold, RetentionRange};
use apiary_store::rows::Fields;
use apiary_store::{RetentionStore, StoreError, StoreResult, rows};

use crate::batch::{ids, list};
use crate::transaction::{Write, read};
use crate::{SqliteStore, process_ids};

/// The statements that delete a finished process, and everything that belongs to it.
const BELONGINGS: [Sql; 9] = [
    sql!("steps/leave_finished.sql"),
    sql!("steps/delete_spec.sql"),
    sql!("steps/delete_dependencies.sql"),
    sql!("steps/delete_attempts.sql"),
    sql!("steps/delete_progress.sql"),
    sql!("steps/delete_logs.sql"),
    sql!("steps/delete_log_totals.sql"),
    sql!("steps/delete_attributes.sql"),
    sql!("steps/delete_keys.sql"),
];

#[async_trait::async_trait]
impl RetentionStore for SqliteStore {
    async fn past_retention(
        &self,
        state: ProcessState,
        until_ms: i64,
        fronts: &[(ColonyKey, i64)],
    ) -> StoreResult<Vec<(ColonyKey, i64)>> {
        let select = query(sql!("retention/past_retention.sql"))
            .bind(state.as_str())
            .bind(until_ms)
            .bind(list(fronts.iter().map(|(colony, after_ms)| (colony.0, *after_ms)))?);
        read(&self.readers, select).await?.iter().map(|row| rows::past_retention(row)).collect()
    }

    async fn delete_past(&self, range: &RetentionRange) -> StoreResult<Option<RangeResult>> {
        let mut write = Write::begin(&self.writer).await?;
        let select = query(sql!("steps/delete_past_range.sql"))
            .bind(range.colony.0)
            .bind(range.state.as_str())
            .bind(range.after_ms)
            .bind(range.until_ms)
            .bind(range.rows);
        let found = write.rows(select).await?;
        let fields = Fields::of_summary(found.first().ok_or_else(no_row)?, "finished");
        let (read, last_ms) = (fields.number("read")?, fields.number_if_any("last_ms")?);
        let Some(until_ms) = last_ms else { return Ok(Some(RangeResult { read, deleted: 0, last_ms })) };
        let select = query(sql!("retention/delete_past.sql"))
            .bind(range.colony.0)
            .bind(range.state.as_str())
            .bind(range.after_ms)
            .bind(until_ms)
            .bind(range.now_ms);
        let gone = process_ids(&write.rows(select).await?)?;
        let deleted = i64::try_from(gone.len()).unwrap_or(i64::MAX);
        // Returned without a commit: nothing was changed.
        if gone.is_empty() {
            return Ok(Some(RangeResult { read, deleted, last_ms }));
        }
        let gone = ids(&gone)?;
        let record = query(sql!("steps/delete_past_record.sql")).bind(gone.clone());
        write.changed(record.bind(range.now_ms).bind(range.record_after_ms)).await?;
        for statement in BELONGINGS {
            write.changed(query(statement).bind(gone.clone())).await?;
        }
        write.commit().await?;
        Ok(Some(RangeResult { read, deleted, last_ms }))
    }

    async fn retention_backlog(&self, range: &RetentionRange) -> StoreResult<RetentionBacklog> {
        let select = query(sql!("retention/backlog.sql"))
            .bind(range.colony.0)
            .bind(range.state.as_str())
            .bind(range.after_ms)
            .bind(range.until_ms)
            .bind(range.rows)
            .bind(range.now_ms);
        rows::retention_backlog(read(&self.readers, select).await?.first().ok_or_else(no_row)?)
    }

    async fn set_retention_hold(&self, colony: ColonyKey, hold: &RetentionHold) -> StoreResult<Option<i64>> {
        let mut write = Write::begin(&self.writer).await?;
        let set = query(sql!("retention/set_hold.sql"))
            .bind(colony.0)
            .bind(&hold.name)
            .bind(hold.from_ms)
            .bind(RETENTION_HOLDS_MAX);
        let stands = write.rows(set).await?.first().map(|row| rows::retention_hold_from(row)).transpose()?;
        write.commit().await?;
        Ok(stands)
    }

    async fn remove_retention_hold(&self, colony: ColonyKey, name: &str) -> StoreResult<bool> {
        let mut write = Write::begin(&self.writer).await?;
        let existed = write.changed(query(sql!("retention/remove_hold.sql")).bind(colony.0).bind(name)).await? > 0;
        write.commit().await?;
        Ok(existed)
    }

    async fn list_retention_holds(&self, colony: ColonyKey) -> StoreResult<Vec<RetentionHold>> {
        let select = query(sql!("retention/list_holds.sql")).bind(colony.0);
        read(&self.readers, select).await?.iter().map(|row| rows::retention_hold(row)).collect()
    }
}

fn no_row() -> StoreError {
    StoreError::Corrupt("a statement that returns one row always returned none".to_owned())
}
