//! Bulk actions in SQLite.

use apiary_database::{query, sql};
use apiary_store::model::{Bulk, BulkState, BulkStep, ColonyKey, NewEvent};
use apiary_store::{BulkStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::SqliteStore;
use crate::events;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl BulkStore for SqliteStore {
    async fn start_bulk(
        &self,
        bulk: &Bulk,
        running_max: i64,
        kept_min: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let insert = query(sql!("bulks/start.sql"))
            .bind(bulk.bulk_id)
            .bind(bulk.colony.0)
            .bind(bulk.action.as_str())
            .bind(checks::json(&bulk.filter)?)
            .bind(checks::storable(&bulk.reason).into_owned())
            .bind(&bulk.by)
            .bind(bulk.matched)
            .bind(i64::from(bulk.more_may_match))
            .bind(bulk.started_at_ms)
            .bind(running_max);
        let forget = query(sql!("bulks/forget.sql")).bind(bulk.colony.0).bind(kept_min);
        let mut write = Write::begin(&self.writer).await?;
        let is_new = !write.rows(insert).await?.is_empty();
        write.changed(forget).await?;
        if is_new {
            events::record(&mut write, bulk.colony, event).await?;
        }
        write.commit().await?;
        Ok(is_new)
    }

    async fn get_bulk(&self, colony: ColonyKey, bulk_id: Uuid) -> StoreResult<Option<Bulk>> {
        let select = query(sql!("bulks/get.sql")).bind(colony.0).bind(bulk_id);
        read(&self.readers, select).await?.first().map(|row| rows::bulk(row)).transpose()
    }

    async fn list_bulks(&self, colony: ColonyKey, limit: i64) -> StoreResult<Vec<Bulk>> {
        let select = query(sql!("bulks/list.sql")).bind(colony.0).bind(limit);
        read(&self.readers, select).await?.iter().map(|row| rows::bulk(row)).collect()
    }

    async fn stop_bulk(
        &self,
        colony: ColonyKey,
        bulk_id: Uuid,
        wanted: BulkState,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let from = if wanted == BulkState::Running { BulkState::Stopped } else { BulkState::Running };
        let update = query(sql!("bulks/stop.sql"))
            .bind(colony.0)
            .bind(bulk_id)
            .bind(from.as_str())
            .bind(wanted.as_str())
            .bind((wanted == BulkState::Stopped).then_some(now_ms));
        let mut write = Write::begin(&self.writer).await?;
        let moved = write.changed(update).await? > 0;
        if moved {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(moved)
    }

    async fn hold_bulk(&self, broker_id: Uuid, now_ms: i64, until_ms: i64) -> StoreResult<Option<Bulk>> {
        let update = query(sql!("bulks/hold.sql")).bind(broker_id).bind(now_ms).bind(until_ms);
        let mut write = Write::begin(&self.writer).await?;
        let held = write.rows(update).await?;
        // Held also if it cannot be read, so that the others get their turn.
        write.commit().await?;
        held.first().map(|row| rows::bulk(row)).transpose()
    }

    async fn advance_bulk(
        &self,
        colony: ColonyKey,
        bulk_id: Uuid,
        broker_id: Uuid,
        step: &BulkStep,
        event: Option<&NewEvent>,
    ) -> StoreResult<Option<BulkState>> {
        let update = query(sql!("bulks/advance.sql"))
            .bind(bulk_id)
            .bind(broker_id)
            .bind(step.changed)
            .bind(step.skipped)
            .bind(step.after.submitted_at_ms)
            .bind(step.after.process_id)
            .bind(step.held_until_ms)
            .bind(step.finished_at_ms);
        let mut write = Write::begin(&self.writer).await?;
        let state = write.rows(update).await?.first().map(|row| rows::bulk_state(row)).transpose()?;
        if state == Some(BulkState::Finished) {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(state)
    }
}
