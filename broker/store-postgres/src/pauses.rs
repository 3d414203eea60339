//! Pauses in Postgres.

use apiary_database::{query, sql};
use apiary_store::limits::PAUSES_MAX;
use apiary_store::model::{ColonyKey, NewEvent, Pause, PauseTarget};
use apiary_store::{PauseStore, StoreResult, rows};

use crate::fault::{Fault, until_settled};
use crate::{PostgresStore, events};

#[async_trait::async_trait]
impl PauseStore for PostgresStore {
    async fn pause(
        &self,
        colony: ColonyKey,
        pause: &Pause,
        event: Option<&NewEvent>,
    ) -> StoreResult<Option<(Pause, bool)>> {
        // Between the two statements somebody may end the pause that is in the way: then there is room.
        for _ in 0..2 {
            if let Some(kept) = until_settled!(pause_once(self, colony, pause, event))? {
                return Ok(Some((kept, false)));
            }
            let select = query(sql!("pauses/pause_known.sql"))
                .bind(colony.0)
                .bind(pause.what.kind.as_str())
                .bind(&pause.what.name);
            if let Some(row) = self.session().await?.row(select).await? {
                return Ok(Some((rows::pause(&row)?, true)));
            }
        }
        Ok(None)
    }

    async fn resume(
        &self,
        colony: ColonyKey,
        what: &PauseTarget,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        until_settled!(resume_once(self, colony, what, now_ms, event))
    }

    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>> {
        let select = query(sql!("pauses/list.sql")).bind(colony.0).bind(PAUSES_MAX);
        self.session().await?.rows(select).await?.iter().map(|row| rows::pause(row)).collect()
    }
}

async fn pause_once(
    store: &PostgresStore,
    colony: ColonyKey,
    pause: &Pause,
    event: Option<&NewEvent>,
) -> Result<Option<Pause>, Fault> {
    let insert = query(sql!("pauses/pause.sql"))
        .bind(colony.0)
        .bind(pause.what.kind.as_str())
        .bind(&pause.what.name)
        .bind(&pause.by)
        .bind(&pause.reason)
        .bind(pause.since_ms)
        .bind(PAUSES_MAX);
    let mut session = store.session().await?;
    session.begin().await?;
    let kept = session.row(insert).await?.map(|row| rows::pause(&row)).transpose()?;
    if kept.is_some() {
        events::record(&mut session, colony, event).await?;
    }
    session.commit().await?;
    Ok(kept)
}

async fn resume_once(
    store: &PostgresStore,
    colony: ColonyKey,
    what: &PauseTarget,
    now_ms: i64,
    event: Option<&NewEvent>,
) -> Result<bool, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    session.changed(query(sql!("pauses/lock.sql")).bind(colony.0)).await?;
    let delete = query(sql!("pauses/resume.sql")).bind(colony.0).bind(what.kind.as_str()).bind(&what.name);
    let ended = session.row(delete).await?;
    let since_ms = super::number(ended.as_ref(), "since_ms")?;
    let wait_on = query(sql!("pauses/resume_waiting.sql"))
        .bind(colony.0)
        .bind(what.kind.as_str())
        .bind(&what.name)
        // If it was not paused, nothing is added, and what stands still all the same is counted on.
        .bind(since_ms.unwrap_or(now_ms))
        .bind(now_ms);
    session.changed(wait_on).await?;
    if ended.is_some() {
        events::record(&mut session, colony, event).await?;
    }
    session.commit().await?;
    Ok(ended.is_some())
}
