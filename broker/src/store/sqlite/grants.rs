//! Grants in SQLite.

use apiary_identity::{Envelope, Grant, Id, Revocation, Role};
use sqlx::query;

use super::SqliteStore;
use super::batch::list;
use super::transaction::{Write, read};
use crate::model::{Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, Page, RevokedGrant, StoredGrant};
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
        if grant.role == Role::Executor {
            for statement in [include_str!("steps/add_grant_named.sql"), include_str!("steps/add_grant_appeared.sql")] {
                let grantee = grant.key.as_bytes().as_slice();
                write.changed(query(statement).bind(colony.key.0).bind(grantee).bind(&grant.name)).await?;
            }
        }
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

pub(super) async fn of_keys(store: &SqliteStore, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let grantees = list(keys.iter().map(|key| hex::encode(key.as_bytes())))?;
    let select = query(include_str!("grants/of_keys.sql")).bind(colony.key.0).bind(grantees);
    read(&store.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
}

pub(super) async fn revoke(
    store: &SqliteStore,
    colony: &Colony,
    revocation: &Revocation,
    envelope: &Envelope,
    now_ms: i64,
) -> StoreResult<Vec<RevokedGrant>> {
    let known = query(include_str!("grants/get_revocation.sql")).bind(colony.key.0).bind(revocation.revocation_id);
    let grantee = revocation.key.as_ref().map(|key| key.as_bytes().as_slice());
    let keep = query(include_str!("grants/revoke.sql"))
        .bind(colony.key.0)
        .bind(revocation.revocation_id)
        .bind(revocation.grant_id)
        .bind(grantee)
        .bind(now_ms)
        .bind(envelope.signature.as_slice())
        .bind(&envelope.payload[..]);
    let end = query(include_str!("steps/revoke_ended.sql"))
        .bind(colony.key.0)
        .bind(revocation.grant_id)
        .bind(grantee)
        .bind(now_ms);
    let mut write = Write::begin(&store.writer).await?;
    let known = write.rows(known).await?;
    checks::same_revocation(known.first().map(|row| row as _), revocation.revocation_id, envelope)?;
    write.changed(keep).await?;
    let revoked = write.rows(end).await?.iter().map(|row| rows::revoked_grant(row, colony.key)).collect();
    write.commit().await?;
    revoked
}

pub(super) async fn list_revoked(store: &SqliteStore, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>> {
    let select = query(include_str!("grants/list_revoked.sql")).bind(since_ms).bind(limit.max(0));
    read(&store.readers, select).await?.iter().map(|row| rows::revoked_grant_of_any(row)).collect()
}
