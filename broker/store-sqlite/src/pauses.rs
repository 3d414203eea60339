//! Pauses in SQLite.

use apiary_database::{query, sql};
use apiary_store::limits::PAUSES_MAX;
use apiary_store::model::{ColonyKey, NewEvent, Pause, PauseTarget};
use apiary_store::rows::{self, Fields};
use apiary_store::{PauseStore, StoreResult};

use crate::SqliteStore;
use crate::events;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl PauseStore for SqliteStore {
    async fn pause(
        &self,
        colony: ColonyKey,
        pause: &Pause,
        event: Option<&NewEvent>,
    ) -> StoreResult<Option<(Pause, bool)>> {
        let insert = query(sql!("pauses/pause.sql"))
            .bind(colony.0)
            .bind(pause.what.kind.as_str())
            .bind(&pause.what.name)
            .bind(&pause.by)
            .bind(&pause.reason)
            .bind(pause.since_ms)
            .bind(PAUSES_MAX);
        let mut write = Write::begin(&self.writer).await?;
        if let Some(row) = write.rows(insert).await?.first() {
            let kept = rows::pause(row)?;
            events::record(&mut write, colony, event).await?;
            write.commit().await?;
            return Ok(Some((kept, false)));
        }
        let select =
            query(sql!("pauses/pause_known.sql")).bind(colony.0).bind(pause.what.kind.as_str()).bind(&pause.what.name);
        write.rows(select).await?.first().map(|row| Ok((rows::pause(row)?, true))).transpose()
    }

    async fn resume(
        &self,
        colony: ColonyKey,
        what: &PauseTarget,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let delete = query(sql!("pauses/resume.sql")).bind(colony.0).bind(what.kind.as_str()).bind(&what.name);
        let mut write = Write::begin(&self.writer).await?;
        let ended = write.rows(delete).await?;
        let since_ms = ended.first().map(|row| Fields::of_summary(row, "pauses").number("since_ms")).transpose()?;
        let wait_on = query(sql!("pauses/resume_waiting.sql"))
            .bind(colony.0)
            .bind(what.kind.as_str())
            .bind(&what.name)
            // If it was not paused, nothing is added, and what stands still all the same is counted on.
            .bind(since_ms.unwrap_or(now_ms))
            .bind(now_ms);
        write.changed(wait_on).await?;
        if since_ms.is_some() {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(since_ms.is_some())
    }

    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>> {
        let select = query(sql!("pauses/list.sql")).bind(colony.0).bind(PAUSES_MAX);
        read(&self.readers, select).await?.iter().map(|row| rows::pause(row)).collect()
    }
}
