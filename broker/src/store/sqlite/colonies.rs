//! Colonies in SQLite.

use apiary_identity::{Envelope, Id};
use sqlx::query;

use super::SqliteStore;
use super::transaction::{Write, read};
use crate::model::{Colony, ColonyKey, ProcessState};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn create(store: &SqliteStore, id: &Id, name: &str, now_ms: i64) -> StoreResult<Colony> {
    let insert = query(include_str!("colonies/create.sql")).bind(id.as_bytes().as_slice()).bind(name).bind(now_ms);
    let mut write = Write::begin(&store.writer).await?;
    if let Some(row) = write.rows(insert).await?.first() {
        let created = rows::colony(row)?;
        write.commit().await?;
        return Ok(created);
    }
    drop(write);
    let known = get(store, id).await?;
    checks::same_colony(known, id, name)
}

pub(super) async fn get(store: &SqliteStore, id: &Id) -> StoreResult<Option<Colony>> {
    let select = query(include_str!("colonies/get.sql")).bind(id.as_bytes().as_slice());
    read(&store.readers, select).await?.first().map(|row| rows::colony(row)).transpose()
}

pub(super) async fn count_states(store: &SqliteStore, colony: ColonyKey) -> StoreResult<Vec<(ProcessState, i64)>> {
    let select = query(include_str!("colonies/count_states.sql")).bind(colony.0);
    read(&store.readers, select).await?.iter().map(|row| rows::state_count(row)).collect()
}

pub(super) async fn set_guard(
    store: &SqliteStore,
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
    let mut write = Write::begin(&store.writer).await?;
    if !write.rows(upsert).await?.is_empty() {
        return write.commit().await;
    }
    let known = write.rows(select).await?;
    checks::same_guard(known.first().map(|row| row as _), version, envelope)
}

pub(super) async fn get_guard(store: &SqliteStore, colony: &Colony) -> StoreResult<Option<Envelope>> {
    let select = query(include_str!("colonies/get_guard.sql")).bind(colony.key.0);
    read(&store.readers, select).await?.first().map(|row| rows::guard(row, colony)).transpose()
}
