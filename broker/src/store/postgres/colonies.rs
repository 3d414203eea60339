//! Colonies in Postgres.

use apiary_identity::{Envelope, Id};
use sqlx::query;

use super::PostgresStore;
use crate::model::{Colony, ColonyKey, ProcessState};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn create(store: &PostgresStore, id: &Id, name: &str, now_ms: i64) -> StoreResult<Colony> {
    let insert = query(include_str!("colonies/create.sql")).bind(id.as_bytes().as_slice()).bind(name).bind(now_ms);
    let created = store.session().await?.row(insert).await?;
    if let Some(row) = created {
        return rows::colony(&row);
    }
    let known = get(store, id).await?;
    checks::same_colony(known, id, name)
}

pub(super) async fn get(store: &PostgresStore, id: &Id) -> StoreResult<Option<Colony>> {
    let select = query(include_str!("colonies/get.sql")).bind(id.as_bytes().as_slice());
    store.session().await?.row(select).await?.map(|row| rows::colony(&row)).transpose()
}

pub(super) async fn count_states(store: &PostgresStore, colony: ColonyKey) -> StoreResult<Vec<(ProcessState, i64)>> {
    let select = query(include_str!("colonies/count_states.sql")).bind(colony.0);
    store.session().await?.rows(select).await?.iter().map(|row| rows::state_count(row)).collect()
}

pub(super) async fn set_guard(
    store: &PostgresStore,
    colony: &Colony,
    version: i64,
    envelope: &Envelope,
) -> StoreResult<()> {
    let upsert = query(include_str!("colonies/set_guard.sql"))
        .bind(colony.key.0)
        .bind(version)
        .bind(envelope.signature.as_slice())
        .bind(&envelope.payload[..]);
    let select = query(include_str!("colonies/get_guard.sql")).bind(colony.key.0);
    let mut session = store.session().await?;
    if session.row(upsert).await?.is_some() {
        return Ok(());
    }
    let known = session.row(select).await?;
    checks::same_guard(known.as_ref().map(|row| row as _), version, envelope)
}

pub(super) async fn get_guard(store: &PostgresStore, colony: &Colony) -> StoreResult<Option<Envelope>> {
    let select = query(include_str!("colonies/get_guard.sql")).bind(colony.key.0);
    store.session().await?.row(select).await?.map(|row| rows::guard(&row, colony)).transpose()
}
