//! Limits in SQLite. There is one writer, so whoever counts by them in the write transaction counts alone.

use serde::Serialize;
use sqlx::query;

use super::SqliteStore;
use super::batch::list as json_list;
use super::transaction::{Write, read};
use crate::limits::{LIMIT_USES_READ, LIMITS_MAX};
use crate::model::{ColonyKey, Lane, LimitKind, LimitRecord, LimitUse};
use crate::store::allowance::{Allowance, Counter, Spent};
use crate::store::{StoreResult, rows};

/// Something to be counted.
#[derive(Serialize)]
struct CounterItem<'a> {
    kind: &'static str,
    key: &'a str,
}

/// A bucket to keep.
#[derive(Serialize)]
struct BucketItem<'a> {
    kind: &'static str,
    key: &'a str,
    tokens: f64,
    filled_at_ms: i64,
    full_at_ms: i64,
}

/// The limits that matter in this lane.
pub(super) async fn allowance(write: &mut Write, lane: &Lane, now_ms: i64) -> StoreResult<Allowance> {
    let select = query(include_str!("leases/claim_limits.sql")).bind(lane.colony.0).bind(&lane.executor_type);
    let found = write.rows(select).await?;
    let limits = found.iter().map(|row| rows::limit(row)).collect::<StoreResult<_>>()?;
    Ok(Allowance::new(limits, &lane.executor_type, now_ms))
}

/// How much of these is in use.
pub(super) async fn uses(write: &mut Write, colony: ColonyKey, counters: &[Counter]) -> StoreResult<Vec<LimitUse>> {
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let items = json_list(counters.iter().map(|(kind, key)| CounterItem { kind: kind.as_str(), key }))?;
    let select = query(include_str!("leases/claim_uses.sql")).bind(colony.0).bind(items);
    write.rows(select).await?.iter().map(|row| rows::limit_use(row)).collect()
}

/// Keeps what is left of rates.
pub(super) async fn spend(write: &mut Write, colony: ColonyKey, spent: &[Spent<'_>]) -> StoreResult<()> {
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
    write.changed(query(include_str!("leases/claim_buckets.sql")).bind(colony.0).bind(items)).await.map(|_| ())
}

pub(super) async fn set(store: &SqliteStore, colony: ColonyKey, record: &LimitRecord) -> StoreResult<bool> {
    let limit = &record.limit;
    let insert = query(include_str!("limits/set.sql"))
        .bind(colony.0)
        .bind(limit.kind.as_str())
        .bind(&limit.pattern)
        .bind(limit.running_max.unwrap_or(0))
        .bind(limit.policy.as_str())
        .bind(limit.rate.map_or(0, |rate| rate.count))
        .bind(limit.rate.map_or(0, |rate| rate.interval_ms))
        .bind(limit.rate.map_or(0, |rate| rate.burst))
        .bind(&record.by)
        .bind(record.set_at_ms)
        .bind(LIMITS_MAX);
    let mut write = Write::begin(&store.writer).await?;
    let kept = write.changed(insert).await? > 0;
    write.commit().await?;
    Ok(kept)
}

pub(super) async fn remove(
    store: &SqliteStore,
    colony: ColonyKey,
    kind: LimitKind,
    pattern: &str,
) -> StoreResult<bool> {
    let delete = query(include_str!("limits/remove.sql")).bind(colony.0).bind(kind.as_str()).bind(pattern);
    let mut write = Write::begin(&store.writer).await?;
    let existed = write.changed(delete).await? > 0;
    write.commit().await?;
    Ok(existed)
}

pub(super) async fn list(store: &SqliteStore, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>> {
    let select = query(include_str!("limits/list.sql")).bind(colony.0).bind(LIMITS_MAX);
    read(&store.readers, select).await?.iter().map(|row| rows::limit_record(row)).collect()
}

pub(super) async fn list_uses(store: &SqliteStore, colony: ColonyKey) -> StoreResult<Vec<LimitUse>> {
    let select = query(include_str!("limits/list_uses.sql")).bind(colony.0).bind(LIMIT_USES_READ);
    read(&store.readers, select).await?.iter().map(|row| rows::limit_use(row)).collect()
}
