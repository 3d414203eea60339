//! Grants in SQLite.

use apiary_identity::{Envelope, Grant, Id};
use sqlx::query;

use super::SqliteStore;
use super::batch::list;
use super::transaction::{Write, read};
use crate::model::{Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, Page, StoredGrant};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn add(
    store: &SqliteStore,
    colony: &Colony,
    grant: &Grant,
    envelope: &Envelope,
    now_ms: i64,
) -> StoreResult<bool> {
    let insert = query(include_str!("grants/add.sql"))
        .bind(colony.key.0)
        .bind(grant.grant_id)
        .bind(grant.key.as_bytes().as_slice())
        .bind(grant.role.as_str())
        .bind(&grant.name)
        .bind(now_ms)
        .bind(envelope.signature.as_slice())
        .bind(&envelope.payload[..]);
    let mut write = Write::begin(&store.writer).await?;
    if !write.rows(insert).await?.is_empty() {
        write.commit().await?;
        return Ok(false);
    }
    let select = query(include_str!("grants/get.sql")).bind(colony.key.0).bind(grant.grant_id);
    let known = write.rows(select).await?;
    checks::same_grant(known.first().map(|row| row as _), grant, envelope)
}

pub(super) async fn of_key(store: &SqliteStore, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>> {
    let select = query(include_str!("grants/of_key.sql")).bind(colony.key.0).bind(key.as_bytes().as_slice());
    read(&store.readers, select).await?.iter().map(|row| rows::grant_record(row, colony)).collect()
}

pub(super) async fn by_key(store: &SqliteStore, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let select = query(include_str!("grants/by_key.sql")).bind(list(keys.iter().map(|key| key.0))?);
    read(&store.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn list_page(
    store: &SqliteStore,
    colony: &Colony,
    page: Page<GrantCursor>,
) -> StoreResult<Vec<StoredGrant>> {
    let select = query(include_str!("grants/list.sql"))
        .bind(colony.key.0)
        .bind(page.after.map_or(i64::MIN, |cursor| cursor.0.0))
        .bind(page.size.max(0));
    read(&store.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn is_named(store: &SqliteStore, colony: ColonyKey, name: &str) -> StoreResult<bool> {
    let select = query(include_str!("grants/named.sql")).bind(colony.0).bind(name);
    read(&store.readers, select).await?.first().map_or(Ok(false), |row| rows::named(row))
}
