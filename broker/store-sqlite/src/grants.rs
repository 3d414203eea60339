//! Grants in SQLite.

use apiary_database::{query, sql};
use apiary_identity::{Envelope, Grant, Id, Revocation, Role};
use apiary_store::model::{
    Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, NewEvent, Page, RevokedGrant, StoredGrant,
};
use apiary_store::{GrantStore, StoreResult, checks, rows};

use crate::SqliteStore;
use crate::batch::list;
use crate::events;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl GrantStore for SqliteStore {
    async fn add_grant(
        &self,
        colony: &Colony,
        grant: &Grant,
        envelope: &Envelope,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let insert = query(sql!("grants/add.sql"))
            .bind(colony.key.0)
            .bind(grant.grant_id)
            .bind(grant.key.as_bytes().as_slice())
            .bind(grant.role.as_str())
            .bind(&grant.name)
            .bind(now_ms)
            .bind(envelope.signature.as_bytes())
            .bind(&envelope.payload[..]);
        let mut write = Write::begin(&self.writer).await?;
        if !write.rows(insert).await?.is_empty() {
            if grant.role == Role::Executor {
                for statement in [sql!("steps/add_grant_named.sql"), sql!("steps/add_grant_appeared.sql")] {
                    let grantee = grant.key.as_bytes().as_slice();
                    write.changed(query(statement).bind(colony.key.0).bind(grantee).bind(&grant.name)).await?;
                }
            }
            events::record(&mut write, colony.key, event).await?;
            write.commit().await?;
            return Ok(false);
        }
        let select = query(sql!("grants/get.sql")).bind(colony.key.0).bind(grant.grant_id);
        let known = write.rows(select).await?;
        checks::same_grant(known.first().map(|row| row as _), grant, envelope)
    }

    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>> {
        let select = query(sql!("grants/of_key.sql")).bind(colony.key.0).bind(key.as_bytes().as_slice());
        read(&self.readers, select).await?.iter().map(|row| rows::grant_record(row, colony)).collect()
    }

    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let select = query(sql!("grants/by_key.sql")).bind(list(keys.iter().map(|key| key.0))?);
        read(&self.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
    }

    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>> {
        let select = query(sql!("grants/list.sql"))
            .bind(colony.key.0)
            .bind(page.after.map_or(i64::MIN, |cursor| cursor.0.0))
            .bind(page.size.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
    }

    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let grantees = list(keys.iter().map(|key| hex::encode(key.as_bytes())))?;
        let select = query(sql!("grants/of_keys.sql")).bind(colony.key.0).bind(grantees);
        read(&self.readers, select).await?.iter().map(|row| rows::stored_grant(row)).collect()
    }

    async fn revoke_grant(
        &self,
        colony: &Colony,
        revocation: &Revocation,
        envelope: &Envelope,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<RevokedGrant>> {
        let known = query(sql!("grants/get_revocation.sql")).bind(colony.key.0).bind(revocation.revocation_id);
        let grantee = revocation.key.as_ref().map(|key| key.as_bytes().as_slice());
        let keep = query(sql!("grants/revoke.sql"))
            .bind(colony.key.0)
            .bind(revocation.revocation_id)
            .bind(revocation.grant_id)
            .bind(grantee)
            .bind(now_ms)
            .bind(envelope.signature.as_bytes())
            .bind(&envelope.payload[..]);
        let end = query(sql!("steps/revoke_ended.sql"))
            .bind(colony.key.0)
            .bind(revocation.grant_id)
            .bind(grantee)
            .bind(now_ms);
        let mut write = Write::begin(&self.writer).await?;
        let known = write.rows(known).await?;
        checks::same_revocation(known.first().map(|row| row as _), revocation.revocation_id, envelope)?;
        let is_new = write.changed(keep).await? > 0;
        let revoked = write.rows(end).await?.iter().map(|row| rows::revoked_grant(row, colony.key)).collect();
        if is_new {
            events::record(&mut write, colony.key, event).await?;
        }
        write.commit().await?;
        revoked
    }

    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>> {
        let select = query(sql!("grants/list_revoked.sql")).bind(since_ms).bind(limit.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::revoked_grant_of_any(row)).collect()
    }

    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool> {
        let select = query(sql!("grants/named.sql")).bind(colony.0).bind(name);
        read(&self.readers, select).await?.first().map_or(Ok(false), |row| rows::named(row))
    }
}
