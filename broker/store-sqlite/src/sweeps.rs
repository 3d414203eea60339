//! Sweeps in SQLite.

use apiary_database::{query, sql};
use apiary_store::model::{ExpiryBounds, Lane, LeaseRecord};
use apiary_store::rows::{self, Fields};
use apiary_store::{StoreResult, SweepStore};
use uuid::Uuid;

use crate::batch::ids;
use crate::transaction::{Write, read};
use crate::{SqliteStore, process_ids};

#[async_trait::async_trait]
impl SweepStore for SqliteStore {
    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        let select = query(sql!("sweeps/overdue_leases.sql")).bind(now_ms).bind(limit.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        let mut write = Write::begin(&self.writer).await?;
        let queued = write.rows(query(sql!("sweeps/unblock.sql")).bind(now_ms).bind(limit.max(0))).await?;
        let moved = queued.iter().map(|row| rows::moved(row)).collect::<StoreResult<Vec<_>>>()?;
        if !moved.is_empty() {
            let freed: Vec<Uuid> = moved.iter().map(|(process_id, _)| *process_id).collect();
            write.changed(query(sql!("steps/leave_blocked.sql")).bind(ids(&freed)?)).await?;
            write.commit().await?;
        }
        Ok(moved)
    }

    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>> {
        let mut expired = Vec::new();
        loop {
            let room = limit.saturating_sub(i64::try_from(expired.len()).unwrap_or(i64::MAX));
            let (stood, more) = expire_first(self, now_ms, room).await?;
            expired.extend(more);
            // Each time only those that are due first are looked at: where some of them stood, there may be more behind.
            if stood == 0 || i64::try_from(expired.len()).is_ok_and(|count| count >= limit) {
                return Ok(expired);
            }
        }
    }

    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>> {
        let select = query(sql!("sweeps/removed_leases.sql")).bind(now_ms).bind(limit.max(0));
        read(&self.readers, select).await?.iter().map(|row| rows::lease_record(row)).collect()
    }

    async fn forget_executors(&self, which: ExpiryBounds, limit: i64) -> StoreResult<u64> {
        let mut write = Write::begin(&self.writer).await?;
        let delete = query(sql!("sweeps/forget_executors.sql"))
            .bind(which.before_ms)
            .bind(which.pending_before_ms)
            .bind(limit.max(0));
        let forgotten = write.changed(delete).await?;
        if forgotten > 0 {
            write.commit().await?;
        }
        Ok(forgotten)
    }

    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        let mut write = Write::begin(&self.writer).await?;
        let delete = query(sql!("sweeps/forget_idempotency_keys.sql")).bind(now_ms).bind(limit.max(0));
        let forgotten = write.changed(delete).await?;
        if forgotten > 0 {
            write.commit().await?;
        }
        Ok(forgotten)
    }

    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        let mut write = Write::begin(&self.writer).await?;
        let delete = query(sql!("sweeps/forget_deleted.sql")).bind(now_ms).bind(limit.max(0));
        let forgotten = write.changed(delete).await?;
        if forgotten > 0 {
            write.commit().await?;
        }
        Ok(forgotten)
    }

    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64> {
        let mut write = Write::begin(&self.writer).await?;
        let delete = query(sql!("sweeps/forget_buckets.sql")).bind(now_ms).bind(limit.max(0));
        let forgotten = write.changed(delete).await?;
        if forgotten > 0 {
            write.commit().await?;
        }
        Ok(forgotten)
    }

    async fn fold_counts(&self, _limit: i64) -> StoreResult<u64> {
        // One writer at a time: each change is added at once.
        Ok(0)
    }

    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>> {
        let found = read(&self.readers, query(sql!("sweeps/next_deadline.sql"))).await?;
        found.first().map_or(Ok(None), |row| Fields::of_summary(row, "leases").number_if_any("deadline_ms"))
    }
}

/// Lets the waits of paused work stand still, and ends those that are over; returns how many stand still, and which ended.
async fn expire_first(store: &SqliteStore, now_ms: i64, limit: i64) -> StoreResult<(u64, Vec<(Uuid, Lane)>)> {
    let mut write = Write::begin(&store.writer).await?;
    let stand = query(sql!("sweeps/expire_waiting_paused.sql")).bind(now_ms).bind(limit.max(0));
    let stood = write.changed(stand).await?;
    let finish = query(sql!("sweeps/expire_waiting.sql")).bind(now_ms).bind(limit.max(0));
    let expired = process_ids(&write.rows(finish).await?)?;
    if stood == 0 && expired.is_empty() {
        return Ok((0, Vec::new()));
    }
    let unqueue = query(sql!("steps/leave_queue.sql")).bind(ids(&expired)?);
    let moved = write.rows(unqueue).await?.iter().map(|row| rows::moved(row)).collect::<StoreResult<Vec<_>>>()?;
    write.commit().await?;
    Ok((stood, moved))
}
