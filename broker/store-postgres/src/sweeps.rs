//! Sweeps in Postgres.

use apiary_database::{Sql, query, sql};
use apiary_store::limits::{COUNT_CHANGES_AGE_MAX, COUNT_CHANGES_MAX};
use apiary_store::model::{ExpiryBounds, Lane, LeaseRecord};
use apiary_store::{StoreResult, SweepStore, rows};
use uuid::Uuid;

use crate::PostgresStore;
use crate::fault::{Fault, until_settled};

#[async_trait::async_trait]
impl SweepStore for PostgresStore {
    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        let select = query(sql!("sweeps/overdue_leases.sql")).bind(now_ms).bind(limit.max(0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        until_settled!(move_due(self, sql!("sweeps/unblock.sql"), now_ms, limit))
    }

    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        let mut expired = Vec::new();
        loop {
            let stood = until_settled!(let_paused_stand(self, now_ms, limit))?;
            let room = limit.saturating_sub(i64::try_from(expired.len()).unwrap_or(i64::MAX));
            expired.extend(until_settled!(move_due(self, sql!("sweeps/expire_waiting.sql"), now_ms, room))?);
            // Each looks at those that are due first: where some of them stood, there may be more behind.
            if stood == 0 || i64::try_from(expired.len()).is_ok_and(|count| count >= limit) {
                return Ok(expired);
            }
        }
    }

    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        let select = query(sql!("sweeps/removed_leases.sql")).bind(now_ms).bind(limit.max(0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn forget_executors(&self, which: ExpiryBounds, limit: i64) -> StoreResult<u64> {
        until_settled!(async {
            let delete = query(sql!("sweeps/forget_executors.sql"))
                .bind(which.before_ms)
                .bind(which.pending_before_ms)
                .bind(limit.max(0));
            self.session().await?.changed(delete).await
        })
    }

    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        until_settled!(async {
            let delete = query(sql!("sweeps/forget_idempotency_keys.sql")).bind(now_ms).bind(limit.max(0));
            self.session().await?.changed(delete).await
        })
    }

    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        until_settled!(async {
            let delete = query(sql!("sweeps/forget_deleted.sql")).bind(now_ms).bind(limit.max(0));
            self.session().await?.changed(delete).await
        })
    }

    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        until_settled!(async {
            let delete = query(sql!("sweeps/forget_buckets.sql")).bind(now_ms).bind(limit.max(0));
            self.session().await?.changed(delete).await
        })
    }

    async fn fold_counts(&self, limit: i64) -> StoreResult<u64> {
        // Whoever changed nothing has nothing to fold: an idle broker stays quiet.
        if !self.pool.commits().is_newer_than(COUNT_CHANGES_AGE_MAX) {
            return Ok(0);
        }
        let folded = until_settled!(async {
            let fold = query(sql!("sweeps/fold_counts.sql")).bind(COUNT_CHANGES_MAX).bind(limit.max(0));
            self.session().await?.changes(fold).await
        })?;
        let count = folded.first().map_or(Ok(0), |row| rows::count(row))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>> {
        let row = self.session().await?.row(query(sql!("sweeps/next_deadline.sql"))).await?;
        super::number(row.as_ref(), "deadline_ms")
    }
}

/// Lets waits that are due stand still where a pause covers them; says how many.
async fn let_paused_stand(store: &PostgresStore, now_ms: i64, limit: i64) -> Result<u64, Fault> {
    let update = query(sql!("sweeps/expire_waiting_paused.sql")).bind(now_ms).bind(limit.max(0));
    store.session().await?.changed(update).await
}

async fn move_due(store: &PostgresStore, statement: Sql, now_ms: i64, limit: i64) -> Result<Vec<(Uuid, Lane)>, Fault> {
    let moved = store.session().await?.rows(query(statement).bind(now_ms).bind(limit.max(0))).await?;
    Ok(moved.iter().map(|row| rows::moved(row)).collect::<StoreResult<_>>()?)
}
