//! Executors in SQLite.

use apiary_database::{query, sql};
use apiary_identity::Id;
use apiary_store::model::{
    Announcement, ColonyKey, ExecutorCursor, ExecutorFilter, ExecutorRecord, FunctionStatistics, LastSeen, NewEvent,
    Page, PendingBound, Registration,
};
use apiary_store::{ExecutorStore, StoreResult, checks, rows};

use crate::SqliteStore;
use crate::batch::{ContactItem, list as json};
use crate::events;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl ExecutorStore for SqliteStore {
    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingBound,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let (offer, functions) = checks::registration_json(registration)?;
        let insert = query(sql!("executors/register.sql"))
            .bind(colony.0)
            .bind(registration.key.as_bytes().as_slice())
            .bind(&registration.executor_type)
            .bind(&registration.name)
            .bind(now_ms)
            .bind(offer)
            .bind(functions)
            .bind(&registration.version)
            .bind(registration.is_granted)
            .bind(room.count_max)
            .bind(registration.slots);
        let give_way = query(sql!("steps/register_give_way.sql"))
            .bind(colony.0)
            .bind(registration.key.as_bytes().as_slice())
            .bind(&registration.executor_type)
            .bind(room.count_max)
            .bind(room.gives_way_before_ms);
        let known = query(sql!("steps/register_known.sql"))
            .bind(colony.0)
            .bind(registration.key.as_bytes().as_slice())
            .bind(&registration.executor_type);
        let mut write = Write::begin(&self.writer).await?;
        let is_known = !write.rows(known).await?.is_empty();
        if !registration.is_granted {
            write.changed(give_way).await?;
        }
        let is_kept = !write.rows(insert).await?.is_empty();
        if is_kept && !is_known {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(is_kept)
    }

    async fn reject_executor(
        &self,
        colony: ColonyKey,
        key: &Id,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let update = query(sql!("executors/reject.sql")).bind(colony.0).bind(key.as_bytes().as_slice()).bind(now_ms);
        let mut write = Write::begin(&self.writer).await?;
        let found = write.rows(update).await?;
        if found.iter().any(|row| rows::is_new(row)) {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(!found.is_empty())
    }

    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>> {
        let select = query(sql!("executors/list.sql"))
            .bind(colony.0)
            .bind(page.after.map_or(i64::MIN, |cursor| cursor.0))
            .bind(page.size.max(0))
            .bind(filter.executor_type.as_deref())
            .bind(filter.name.as_deref())
            .bind(filter.key.as_ref().map(|key| key.as_bytes().as_slice()))
            .bind(now_ms);
        read(&self.readers, select).await?.iter().map(|row| rows::executor(row)).collect()
    }

    async fn record_last_seen(&self, contacts: &[LastSeen]) -> StoreResult<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let items = json(contacts.iter().map(ContactItem::new).collect::<StoreResult<Vec<_>>>()?)?;
        let mut write = Write::begin(&self.writer).await?;
        write.changed(query(sql!("executors/record_last_seen.sql")).bind(items)).await?;
        write.commit().await
    }

    async fn drain_executor(
        &self,
        colony: ColonyKey,
        name: &str,
        drained_by: &str,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<()> {
        let insert = query(sql!("executors/drain.sql")).bind(colony.0).bind(name).bind(drained_by).bind(now_ms);
        let mut write = Write::begin(&self.writer).await?;
        if write.changed(insert).await? > 0 {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await
    }

    async fn undrain_executor(&self, colony: ColonyKey, name: &str, event: Option<&NewEvent>) -> StoreResult<()> {
        let mut write = Write::begin(&self.writer).await?;
        if write.changed(query(sql!("executors/undrain_executor.sql")).bind(colony.0).bind(name)).await? > 0 {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await
    }

    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>> {
        let select = query(sql!("executors/list_functions.sql")).bind(colony.0).bind(executor_type).bind(limit.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::announcement(row)).collect()
    }

    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        processes_max: i64,
        functions_max: i64,
    ) -> StoreResult<Vec<FunctionStatistics>> {
        let select = query(sql!("executors/list_functions_statistics.sql"))
            .bind(colony.0)
            .bind(executor_type)
            .bind(since_ms)
            .bind(processes_max)
            .bind(functions_max);
        read(&self.readers, select).await?.iter().map(|row| rows::function_statistics(row)).collect()
    }
}
