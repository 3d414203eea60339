//! Limits in Postgres. A transaction that counts them or changes them holds the colony's lock until it ends.

use std::collections::{BTreeSet, HashMap};

use apiary_database::{query, sql};
use apiary_identity::Clock;
use apiary_store::limits::{CLAIM_KEYS_MAX, LIMIT_USES_READ, LIMITS_MAX};
use apiary_store::matching::allowance::{Allowance, Counter, TokenUse};
use apiary_store::matching::overflow::LimitedKey;
use apiary_store::model::{ColonyKey, Lane, LimitKind, LimitPolicy, LimitRecord, LimitUse, Limits, NewEvent};
use apiary_store::{LimitStore, StoreResult, rows};
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
use crate::{PostgresStore, column, events, process_ids};

#[async_trait::async_trait]
impl LimitStore for PostgresStore {
    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord, event: Option<&NewEvent>) -> StoreResult<bool> {
        until_settled!(set_once(self, colony, record, event))
    }

    async fn remove_limit(
        &self,
        colony: ColonyKey,
        kind: LimitKind,
        pattern: &str,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        until_settled!(async {
            let delete = query(sql!("limits/remove.sql")).bind(colony.0).bind(kind.as_str()).bind(pattern);
            let mut session = self.session().await?;
            session.begin().await?;
            // A claim in progress counts by the limits that it has read: the change waits for its end.
            lock(&mut session, colony).await?;
            let existed = session.changed(delete).await? > 0;
            if existed {
                events::record(&mut session, colony, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(existed)
        })
    }

    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>> {
        let select = query(sql!("limits/list.sql")).bind(colony.0).bind(LIMITS_MAX);
        self.session().await?.rows(select).await?.iter().map(|row| rows::limit_record(row)).collect()
    }

    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>> {
        let select = query(sql!("limits/list_uses.sql")).bind(colony.0).bind(LIMIT_USES_READ);
        self.session().await?.rows(select).await?.iter().map(|row| rows::limit_use(row)).collect()
    }
}

/// The number of times that a cancellation counts and cancels.
const CANCEL_ROUNDS: usize = 3;

/// Takes the lock of the colony's limits until the transaction ends.
pub(super) async fn lock(session: &mut Session, colony: ColonyKey) -> Result<(), Fault> {
    // An advisory lock, because there may be no row to lock: a concurrency key has its default limit without one.
    session.rows(query(sql!("limits/lock.sql")).bind(colony.0)).await.map(|_| ())
}

/// Takes the lock, and reads the limits that matter in this lane.
pub(super) async fn allowance(session: &mut Session, lane: &Lane, clock: &dyn Clock) -> Result<Allowance, Fault> {
    lock(session, lane.colony).await?;
    let select = query(sql!("leases/claim_limits.sql")).bind(lane.colony.0).bind(&lane.executor_type);
    let found = session.rows(select).await?;
    let limits = found.iter().map(|row| rows::limit(row)).collect::<StoreResult<_>>()?;
    // The time is read under the lock. Read before, it could lie before the time to which the last holder filled the buckets.
    Ok(Allowance::new(limits, &lane.executor_type, clock.now_ms()))
}

/// Reads the use of these counters.
pub(super) async fn uses(
    session: &mut Session,
    colony: ColonyKey,
    counters: &[Counter],
) -> Result<Vec<LimitUse>, Fault> {
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let select = query(sql!("leases/claim_uses.sql"))
        .bind(colony.0)
        .bind(column(counters, |(kind, _)| kind.as_str()))
        .bind(column(counters, |(_, key)| key.as_str()));
    let found = session.rows(select).await?;
    Ok(found.iter().map(|row| rows::limit_use(row)).collect::<StoreResult<_>>()?)
}

/// Reads the concurrency keys in use, each with the number of its leases.
pub(super) async fn keys(session: &mut Session, colony: ColonyKey) -> Result<Vec<LimitUse>, Fault> {
    let select = query(sql!("leases/claim_keys.sql")).bind(colony.0).bind(CLAIM_KEYS_MAX);
    let found = session.rows(select).await?;
    Ok(found.iter().map(|row| rows::limit_use(row)).collect::<StoreResult<_>>()?)
}

/// Writes back the token buckets from which a claim took.
pub(super) async fn spend(session: &mut Session, colony: ColonyKey, spent: &[TokenUse<'_>]) -> Result<(), Fault> {
    if spent.is_empty() {
        return Ok(());
    }
    let keep = query(sql!("leases/claim_buckets.sql"))
        .bind(colony.0)
        .bind(column(spent, |one| one.kind.as_str()))
        .bind(column(spent, |one| one.key))
        .bind(column(spent, |one| one.bucket.tokens))
        .bind(column(spent, |one| one.bucket.filled_at_ms))
        .bind(column(spent, |one| one.full_at_ms));
    session.changed(keep).await.map(|_| ())
}

/// Reads the limits on concurrency keys of these colonies.
pub(super) async fn of_keys(
    session: &mut Session,
    colonies: &BTreeSet<ColonyKey>,
) -> Result<HashMap<ColonyKey, Limits>, Fault> {
    let mut limits = HashMap::new();
    for colony in colonies {
        let found = session.rows(query(sql!("processes/submit_limits.sql")).bind(colony.0)).await?;
        limits.insert(*colony, found.iter().map(|row| rows::limit(row)).collect::<StoreResult<_>>()?);
    }
    Ok(limits)
}

/// Cancels the processes that exceed the limit of a key, under the lock. A process that ends or is unblocked at this moment
/// escapes the statement; then the unfinished ones are counted again.
pub(super) async fn cancel(session: &mut Session, limited_key: &LimitedKey, now_ms: i64) -> Result<Vec<Uuid>, Fault> {
    let (mut cancelled, cancel) = (Vec::new(), limited_key.cancel(now_ms));
    // Rows of `leases` and `blocked` can move without the lock of the limits. A few rounds suffice, because each escape needs a
    // transition at just that moment; what still exceeds the limit is left to the next submit of the key.
    for _ in 0..CANCEL_ROUNDS {
        let count = query(sql!("processes/submit_unfinished.sql")).bind(limited_key.colony.0).bind(&limited_key.key);
        let unfinished = super::number(session.row(count).await?.as_ref(), "unfinished")?.unwrap_or(0);
        let surplus = limited_key.surplus(unfinished);
        let chosen = match limited_key.policy {
            _ if surplus == 0 => break,
            LimitPolicy::CancelOldest => {
                let oldest =
                    query(sql!("processes/submit_oldest.sql")).bind(limited_key.colony.0).bind(&limited_key.key);
                process_ids(&session.rows(oldest.bind(surplus)).await?)?
            }
            LimitPolicy::DropNewest | LimitPolicy::Queue => limited_key.newest(surplus),
        };
        let end = query(sql!("processes/cancel.sql"))
            .bind(limited_key.colony.0)
            .bind(&chosen)
            .bind(cancel.deadline_ms)
            .bind(&cancel.reason)
            .bind(&cancel.by)
            .bind(now_ms);
        let done = process_ids(&session.rows(end).await?)?;
        // Fewer than chosen: the others changed tables in between.
        let is_done = done.len() == chosen.len();
        cancelled.extend(done);
        if is_done {
            break;
        }
    }
    Ok(cancelled)
}

async fn set_once(
    store: &PostgresStore,
    colony: ColonyKey,
    record: &LimitRecord,
    event: Option<&NewEvent>,
) -> Result<bool, Fault> {
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
    let mut session = store.session().await?;
    session.begin().await?;
    lock(&mut session, colony).await?;
    let kept = session.changed(insert).await? > 0;
    if kept {
        events::record(&mut session, colony, event).await?;
    }
    session.commit().await?;
    Ok(kept)
}
