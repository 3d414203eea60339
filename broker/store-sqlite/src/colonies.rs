//! Colonies in SQLite.

use apiary_database::{query, sql};
use apiary_identity::{Envelope, Id};
use apiary_store::model::{Colony, ColonyKey, NewEvent, ProcessState};
use apiary_store::{ColonyStore, StoreResult, checks, rows};

use crate::SqliteStore;
use crate::events;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl ColonyStore for SqliteStore {
    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64, event: Option<&NewEvent>) -> StoreResult<Colony> {
        let insert = query(sql!("colonies/create.sql")).bind(id.as_bytes().as_slice()).bind(name).bind(now_ms);
        let mut write = Write::begin(&self.writer).await?;
        if let Some(row) = write.rows(insert).await?.first() {
            let created = rows::colony(row)?;
            events::record(&mut write, created.key, event).await?;
            write.commit().await?;
            return Ok(created);
        }
        drop(write);
        let known = self.get_colony(id).await?;
        checks::same_colony(known, id, name)
    }

    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>> {
        let select = query(sql!("colonies/get.sql")).bind(id.as_bytes().as_slice());
        read(&self.readers, select).await?.first().map(|row| rows::colony(row)).transpose()
    }

    async fn list_colonies(&self, limit: i64) -> StoreResult<Vec<Colony>> {
        let select = query(sql!("colonies/list.sql")).bind(limit);
        read(&self.readers, select).await?.iter().map(|row| rows::colony(row)).collect()
    }

    async fn count_states(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(ProcessState, i64)>> {
        let select = query(sql!("colonies/count_states.sql")).bind(colony.map(|colony| colony.0));
        read(&self.readers, select).await?.iter().map(|row| rows::state_count(row)).collect()
    }

    async fn set_guard(
        &self,
        colony: &Colony,
        version: i64,
        envelope: &Envelope,
        event: Option<&NewEvent>,
    ) -> StoreResult<()> {
        let upsert = query(sql!("colonies/set_guard.sql"))
            .bind(colony.key.0)
            .bind(version)
            .bind(envelope.signature.as_bytes())
            .bind(&envelope.payload[..]);
        let select = query(sql!("colonies/get_guard.sql")).bind(colony.key.0);
        let mut write = Write::begin(&self.writer).await?;
        if !write.rows(upsert).await?.is_empty() {
            events::record(&mut write, colony.key, event).await?;
            return write.commit().await;
        }
        let known = write.rows(select).await?;
        checks::same_guard(known.first().map(|row| row as _), version, envelope)
    }

    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>> {
        let select = query(sql!("colonies/get_guard.sql")).bind(colony.key.0);
        read(&self.readers, select).await?.first().map(|row| rows::guard(row, colony)).transpose()
    }
}
