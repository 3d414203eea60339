//! Colonies in Postgres.

use apiary_database::{query, sql};
use apiary_identity::{Envelope, Id};
use apiary_store::model::{Colony, ColonyKey, NewEvent, ProcessState};
use apiary_store::{ColonyStore, StoreResult, checks, rows};

use crate::fault::{Fault, until_settled};
use crate::{PostgresStore, events};

#[async_trait::async_trait]
impl ColonyStore for PostgresStore {
    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64, event: Option<&NewEvent>) -> StoreResult<Colony> {
        let created = until_settled!(async {
            let insert = query(sql!("colonies/create.sql")).bind(id.as_bytes().as_slice()).bind(name).bind(now_ms);
            let mut session = self.session().await?;
            session.begin().await?;
            let created = session.row(insert).await?.map(|row| rows::colony(&row)).transpose()?;
            if let Some(colony) = &created {
                events::record(&mut session, colony.key, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(created)
        })?;
        if let Some(colony) = created {
            return Ok(colony);
        }
        let known = self.get_colony(id).await?;
        checks::same_colony(known, id, name)
    }

    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>> {
        let select = query(sql!("colonies/get.sql")).bind(id.as_bytes().as_slice());
        self.session().await?.row(select).await?.map(|row| rows::colony(&row)).transpose()
    }

    async fn list_colonies(&self, limit: i64) -> StoreResult<Vec<Colony>> {
        let select = query(sql!("colonies/list.sql")).bind(limit);
        self.session().await?.rows(select).await?.iter().map(|row| rows::colony(row)).collect()
    }

    async fn count_states(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(ProcessState, i64)>> {
        let select = query(sql!("colonies/count_states.sql")).bind(colony.map(|colony| colony.0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::state_count(row)).collect()
    }

    async fn set_guard(
        &self,
        colony: &Colony,
        version: i64,
        envelope: &Envelope,
        event: Option<&NewEvent>,
    ) -> StoreResult<()> {
        let is_set = until_settled!(async {
            let upsert = query(sql!("colonies/set_guard.sql"))
                .bind(colony.key.0)
                .bind(version)
                .bind(envelope.signature.as_bytes())
                .bind(&envelope.payload[..]);
            let mut session = self.session().await?;
            session.begin().await?;
            let is_set = session.row(upsert).await?.is_some();
            if is_set {
                events::record(&mut session, colony.key, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(is_set)
        })?;
        if is_set {
            return Ok(());
        }
        let select = query(sql!("colonies/get_guard.sql")).bind(colony.key.0);
        let known = self.session().await?.row(select).await?;
        checks::same_guard(known.as_ref().map(|row| row as _), version, envelope)
    }

    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>> {
        let select = query(sql!("colonies/get_guard.sql")).bind(colony.key.0);
        self.session().await?.row(select).await?.map(|row| rows::guard(&row, colony)).transpose()
    }
}
