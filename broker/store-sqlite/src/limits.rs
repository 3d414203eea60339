//! Limits in SQLite. They are counted and changed only in the write transaction. There is one writer, so no lock is needed.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::limits::{CLAIM_KEYS_MAX, LIMIT_USES_READ, LIMITS_MAX};
use apiary_store::matching::allowance::{Allowance, Counter, TokenUse};
use apiary_store::matching::overflow::{self, LimitedKey};
use apiary_store::model::{
    ColonyKey, Lane, LimitKind, LimitPolicy, LimitRecord, LimitUse, Limits, NewEvent, NewProcess,
};
use apiary_store::{LimitStore, StoreResult, rows};
use serde::Serialize;
use uuid::Uuid;

use crate::batch::{ids, list as json_list};
use crate::events;
use crate::transaction::{Write, read};
use crate::{SqliteStore, process_ids};

#[async_trait::async_trait]
impl LimitStore for SqliteStore {
    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord, event: Option<&NewEvent>) -> StoreResult<bool> {
        let limit = &record.limit;
        let insert = query(sql!("limits/set.sql"))
            .bind(colony.0)
            .bind(limit.kind.as_str())
            .bind(&limit.pattern)
            // 0 stands for no limit of this sort, as in the table.
            .bind(limit.running_max.unwrap_or(0))
            .bind(limit.policy.as_str())
            .bind(limit.rate.map_or(0, |rate| rate.count))
            .bind(limit.rate.map_or(0, |rate| rate.interval_ms))
            .bind(limit.rate.map_or(0, |rate| rate.burst))
            .bind(&record.by)
            .bind(record.set_at_ms)
            .bind(LIMITS_MAX);
        let mut write = Write::begin(&self.writer).await?;
        let kept = write.changed(insert).await? > 0;
        if kept {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(kept)
    }

    async fn remove_limit(
        &self,
        colony: ColonyKey,
        kind: LimitKind,
        pattern: &str,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let delete = query(sql!("limits/remove.sql")).bind(colony.0).bind(kind.as_str()).bind(pattern);
        let mut write = Write::begin(&self.writer).await?;
        let existed = write.changed(delete).await? > 0;
        if existed {
            events::record(&mut write, colony, event).await?;
        }
        write.commit().await?;
        Ok(existed)
    }

    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>> {
        let select = query(sql!("limits/list.sql")).bind(colony.0).bind(LIMITS_MAX);
        read(&self.readers, select).await?.iter().map(|row| rows::limit_record(row)).collect()
    }

    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>> {
        let select = query(sql!("limits/list_uses.sql")).bind(colony.0).bind(LIMIT_USES_READ);
        read(&self.readers, select).await?.iter().map(|row| rows::limit_use(row)).collect()
    }
}

/// A counter to read.
#[derive(Serialize)]
struct CounterItem<'a> {
    kind: &'static str,
    key: &'a str,
}

/// A token bucket to write back.
#[derive(Serialize)]
struct BucketItem<'a> {
    kind: &'static str,
    key: &'a str,
    tokens: f64,
    filled_at_ms: i64,
    full_at_ms: i64,
}

/// Reads the limits that matter in this lane.
pub(super) async fn allowance(write: &mut Write, lane: &Lane, clock: &dyn Clock) -> StoreResult<Allowance> {
    let select = query(sql!("leases/claim_limits.sql")).bind(lane.colony.0).bind(&lane.executor_type);
    let found = write.rows(select).await?;
    let limits = found.iter().map(|row| rows::limit(row)).collect::<StoreResult<_>>()?;
    // The time is read in the transaction. Read before the wait for the writer, it could lie before the time to which the last claim
    // filled the buckets.
    Ok(Allowance::new(limits, &lane.executor_type, clock.now_ms()))
}

/// Reads the use of these counters.
pub(super) async fn uses(write: &mut Write, colony: ColonyKey, counters: &[Counter]) -> StoreResult<Vec<LimitUse>> {
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let items = json_list(counters.iter().map(|(kind, key)| CounterItem { kind: kind.as_str(), key }))?;
    let select = query(sql!("leases/claim_uses.sql")).bind(colony.0).bind(items);
    write.rows(select).await?.iter().map(|row| rows::limit_use(row)).collect()
}

/// Reads the concurrency keys in use, each with the number of its leases.
pub(super) async fn keys(write: &mut Write, colony: ColonyKey) -> StoreResult<Vec<LimitUse>> {
    let select = query(sql!("leases/claim_keys.sql")).bind(colony.0).bind(CLAIM_KEYS_MAX);
    write.rows(select).await?.iter().map(|row| rows::limit_use(row)).collect()
}

/// Writes back the token buckets from which a claim took.
pub(super) async fn spend(write: &mut Write, colony: ColonyKey, spent: &[TokenUse<'_>]) -> StoreResult<()> {
    if spent.is_empty() {
        return Ok(());
    }
    let items = json_list(spent.iter().map(|one| BucketItem {
        kind: one.kind.as_str(),
        key: one.key,
        tokens: one.bucket.tokens,
        filled_at_ms: one.bucket.filled_at_ms,
        full_at_ms: one.full_at_ms,
    }))?;
    write.changed(query(sql!("leases/claim_buckets.sql")).bind(colony.0).bind(items)).await.map(|_| ())
}

/// Cancels the processes that exceed the limits of the concurrency keys of these new processes.
pub(super) async fn hold(write: &mut Write, new: &[&NewProcess], now_ms: i64) -> StoreResult<Vec<(ColonyKey, Uuid)>> {
    let keyed = new.iter().filter(|process| process.concurrency_key.is_some());
    let mut limits: HashMap<ColonyKey, Limits> = HashMap::new();
    for colony in keyed.map(|process| process.colony).collect::<HashSet<_>>() {
        let found = write.rows(query(sql!("processes/submit_limits.sql")).bind(colony.0)).await?;
        limits.insert(colony, found.iter().map(|row| rows::limit(row)).collect::<StoreResult<_>>()?);
    }
    let mut cancelled = Vec::new();
    // After the insert, so that the new processes are counted, and may be the ones to cancel.
    for limited_key in overflow::limited_keys(new.iter().copied(), &limits) {
        let dropped = cancel(write, &limited_key, now_ms).await?;
        cancelled.extend(dropped.into_iter().map(|process_id| (limited_key.colony, process_id)));
    }
    Ok(cancelled)
}

async fn cancel(write: &mut Write, limited_key: &LimitedKey, now_ms: i64) -> StoreResult<Vec<Uuid>> {
    let count = query(sql!("processes/submit_unfinished.sql")).bind(limited_key.colony.0).bind(&limited_key.key);
    let counted = write.rows(count).await?;
    let unfinished =
        counted.first().map_or(Ok(0), |row| rows::Fields::of_summary(row, "queue").number("unfinished"))?;
    // One count is enough: nothing can end or move during the write transaction.
    let surplus = limited_key.surplus(unfinished);
    let chosen = match limited_key.policy {
        _ if surplus == 0 => return Ok(Vec::new()),
        LimitPolicy::CancelOldest => {
            let oldest = query(sql!("processes/submit_oldest.sql")).bind(limited_key.colony.0).bind(&limited_key.key);
            process_ids(&write.rows(oldest.bind(surplus)).await?)?
        }
        LimitPolicy::DropNewest | LimitPolicy::Queue => limited_key.newest(surplus),
    };
    let (cancel, ids) = (limited_key.cancel(now_ms), ids(&chosen)?);
    let finish = query(sql!("steps/cancel_finish.sql")).bind(limited_key.colony.0).bind(ids.clone());
    write.changed(finish.bind(&cancel.reason).bind(&cancel.by).bind(now_ms)).await?;
    write.changed(query(sql!("steps/leave_queue.sql")).bind(ids.clone())).await?;
    write.changed(query(sql!("steps/leave_blocked.sql")).bind(ids.clone())).await?;
    // A process that runs cannot be taken from its executor at once: its lease is marked, and ends at the deadline.
    let mark = query(sql!("processes/cancel.sql")).bind(limited_key.colony.0).bind(ids).bind(cancel.deadline_ms);
    write.changed(mark.bind(&cancel.reason).bind(&cancel.by)).await?;
    Ok(chosen)
}
