//! Grants in Postgres.

use apiary_identity::{Envelope, Grant, Id, Revocation};
use sqlx::query;

use super::{PostgresStore, column};
use crate::model::{Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, Page, RevokedGrant, StoredGrant};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn add(
    store: &PostgresStore,
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
    let mut session = store.session().await?;
    if session.row(insert).await?.is_some() {
        return Ok(false);
    }
    let select = query(include_str!("grants/get.sql")).bind(colony.key.0).bind(grant.grant_id);
    let known = session.row(select).await?;
    checks::same_grant(known.as_ref().map(|row| row as _), grant, envelope)
}

pub(super) async fn of_key(store: &PostgresStore, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>> {
    let select = query(include_str!("grants/of_key.sql")).bind(colony.key.0).bind(key.as_bytes().as_slice());
    store.session().await?.rows(select).await?.iter().map(|row| rows::grant_record(row, colony)).collect()
}

pub(super) async fn by_key(store: &PostgresStore, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = keys.iter().map(|key| key.0).collect();
    let select = query(include_str!("grants/by_key.sql")).bind(keys);
    store.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn list(
    store: &PostgresStore,
    colony: &Colony,
    page: Page<GrantCursor>,
) -> StoreResult<Vec<StoredGrant>> {
    let select = query(include_str!("grants/list.sql"))
        .bind(colony.key.0)
        .bind(page.after.map_or(i64::MIN, |cursor| cursor.0.0))
        .bind(page.size.max(0));
    store.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn is_named(store: &PostgresStore, colony: ColonyKey, name: &str) -> StoreResult<bool> {
    let select = query(include_str!("grants/named.sql")).bind(colony.0).bind(name);
    store.session().await?.row(select).await?.map_or(Ok(false), |row| rows::named(&row))
}

pub(super) async fn of_keys(store: &PostgresStore, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let grantees = column(keys, |key| key.as_bytes().as_slice());
    let select = query(include_str!("grants/of_keys.sql")).bind(colony.key.0).bind(grantees);
    store.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn revoke(
    store: &PostgresStore,
    colony: &Colony,
    revocation: &Revocation,
    envelope: &Envelope,
    now_ms: i64,
) -> StoreResult<Vec<RevokedGrant>> {
    let known = query(include_str!("grants/get_revocation.sql")).bind(colony.key.0).bind(revocation.revocation_id);
    let update = query(include_str!("grants/revoke.sql"))
        .bind(colony.key.0)
        .bind(revocation.revocation_id)
        .bind(revocation.grant_id)
        .bind(revocation.key.as_ref().map(|key| key.as_bytes().as_slice()))
        .bind(now_ms)
        .bind(envelope.signature.as_slice())
        .bind(&envelope.payload[..]);
    let mut session = store.session().await?;
    let known = session.row(known).await?;
    checks::same_revocation(known.as_ref().map(|row| row as _), revocation.revocation_id, envelope)?;
    session.rows(update).await?.iter().map(|row| rows::revoked_grant(row, colony.key)).collect()
}

pub(super) async fn list_revoked(store: &PostgresStore, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>> {
    let select = query(include_str!("grants/list_revoked.sql")).bind(since_ms).bind(limit.max(0));
    store.session().await?.rows(select).await?.iter().map(|row| rows::revoked_grant_of_any(row)).collect()
}
