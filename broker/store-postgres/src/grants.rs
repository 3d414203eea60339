//! Grants in Postgres.

use apiary_database::{query, sql};
use apiary_identity::{Envelope, Grant, Id, Revocation};
use apiary_store::model::{
    Colony, ColonyKey, GrantCursor, GrantKey, GrantRecord, NewEvent, Page, RevokedGrant, StoredGrant,
};
use apiary_store::{GrantStore, StoreResult, checks, rows};

use crate::fault::{Fault, until_settled};
use crate::{PostgresStore, column, events};

#[async_trait::async_trait]
impl GrantStore for PostgresStore {
    async fn add_grant(
        &self,
        colony: &Colony,
        grant: &Grant,
        envelope: &Envelope,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let is_new = until_settled!(async {
            let insert = query(sql!("grants/add.sql"))
                .bind(colony.key.0)
                .bind(grant.grant_id)
                .bind(grant.key.as_bytes().as_slice())
                .bind(grant.role.as_str())
                .bind(&grant.name)
                .bind(now_ms)
                .bind(envelope.signature.as_bytes())
                .bind(&envelope.payload[..]);
            let mut session = self.session().await?;
            session.begin().await?;
            let is_new = session.row(insert).await?.is_some();
            if is_new {
                events::record(&mut session, colony.key, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(is_new)
        })?;
        if is_new {
            return Ok(false);
        }
        let select = query(sql!("grants/get.sql")).bind(colony.key.0).bind(grant.grant_id);
        let known = self.session().await?.row(select).await?;
        checks::same_grant(known.as_ref().map(|row| row as _), grant, envelope)
    }

    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>> {
        let select = query(sql!("grants/of_key.sql")).bind(colony.key.0).bind(key.as_bytes().as_slice());
        self.session().await?.rows(select).await?.iter().map(|row| rows::grant_record(row, colony)).collect()
    }

    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let select = query(sql!("grants/by_key.sql")).bind(keys);
        self.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
    }

    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>> {
        let select = query(sql!("grants/list.sql"))
            .bind(colony.key.0)
            .bind(page.after.map_or(i64::MIN, |cursor| cursor.0.0))
            .bind(page.size.max(0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
    }

    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let grantees = column(keys, |key| key.as_bytes().as_slice());
        let select = query(sql!("grants/of_keys.sql")).bind(colony.key.0).bind(grantees);
        self.session().await?.rows(select).await?.iter().map(|row| rows::stored_grant(row)).collect()
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
        let known = self.session().await?.row(known).await?;
        checks::same_revocation(known.as_ref().map(|row| row as _), revocation.revocation_id, envelope)?;
        until_settled!(async {
            let update = query(sql!("grants/revoke.sql"))
                .bind(colony.key.0)
                .bind(revocation.revocation_id)
                .bind(revocation.grant_id)
                .bind(revocation.key.as_ref().map(|key| key.as_bytes().as_slice()))
                .bind(now_ms)
                .bind(envelope.signature.as_bytes())
                .bind(&envelope.payload[..]);
            let mut session = self.session().await?;
            session.begin().await?;
            let found = session.rows(update).await?;
            // One row without a grant if the revocation names none.
            let is_new = found.first().is_some_and(|row| rows::is_new(row));
            if is_new {
                events::record(&mut session, colony.key, event).await?;
            }
            session.commit().await?;
            let named = found.iter().filter_map(|row| rows::revoked_grant_if_any(row, colony.key).transpose());
            Ok::<_, Fault>(named.collect::<StoreResult<_>>()?)
        })
    }

    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>> {
        let select = query(sql!("grants/list_revoked.sql")).bind(since_ms).bind(limit.max(0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::revoked_grant_of_any(row)).collect()
    }

    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool> {
        let select = query(sql!("grants/named.sql")).bind(colony.0).bind(name);
        self.session().await?.row(select).await?.map_or(Ok(false), |row| rows::named(&row))
    }
}
