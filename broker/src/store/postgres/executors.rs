//! Executors in Postgres.

use apiary_identity::Id;
use sqlx::query;

use super::fault::{Fault, until_settled};
use super::{PostgresStore, column};
use crate::model::{
    Announcement, ColonyKey, Contact, ExecutorCursor, ExecutorFilter, ExecutorRecord, FunctionStatistics, Page,
    PendingRoom, Registration,
};
use crate::store::{StoreResult, checks, rows};

pub(super) async fn register(
    store: &PostgresStore,
    colony: ColonyKey,
    registration: &Registration,
    room: PendingRoom,
    now_ms: i64,
) -> StoreResult<bool> {
    let (offer, functions) = checks::registration_json(registration)?;
    let insert = query(include_str!("executors/register.sql"))
        .bind(colony.0)
        .bind(registration.key.as_bytes().as_slice())
        .bind(&registration.executor_type)
        .bind(&registration.name)
        .bind(now_ms)
        .bind(offer)
        .bind(functions)
        .bind(&registration.version)
        .bind(registration.is_granted)
        .bind(room.count_max)
        .bind(registration.slots)
        .bind(room.gives_way_before_ms);
    Ok(store.session().await?.row(insert).await?.is_some())
}

pub(super) async fn reject(store: &PostgresStore, colony: ColonyKey, key: &Id, now_ms: i64) -> StoreResult<bool> {
    let update =
        query(include_str!("executors/reject.sql")).bind(colony.0).bind(key.as_bytes().as_slice()).bind(now_ms);
    Ok(store.session().await?.changed(update).await? > 0)
}

pub(super) async fn list(
    store: &PostgresStore,
    colony: ColonyKey,
    filter: &ExecutorFilter,
    page: Page<ExecutorCursor>,
    now_ms: i64,
) -> StoreResult<Vec<ExecutorRecord>> {
    let select = query(include_str!("executors/list.sql"))
        .bind(colony.0)
        .bind(page.after.map_or(i64::MIN, |cursor| cursor.0))
        .bind(page.size.max(0))
        .bind(filter.executor_type.as_deref())
        .bind(filter.name.as_deref())
        .bind(filter.key.as_ref().map(|key| key.as_bytes().as_slice()))
        .bind(now_ms);
    store.session().await?.rows(select).await?.iter().map(|row| rows::executor(row)).collect()
}

pub(super) async fn hear(store: &PostgresStore, contacts: &[Contact]) -> StoreResult<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let offers = contacts.iter().map(checks::offer_json).collect::<StoreResult<Vec<_>>>()?;
    until_settled!(async {
        let insert = query(include_str!("executors/hear.sql"))
            .bind(column(contacts, |contact| contact.colony.0))
            .bind(column(contacts, |contact| contact.key.as_bytes().as_slice()))
            .bind(column(contacts, |contact| contact.executor_type.as_str()))
            .bind(column(contacts, |contact| contact.name.as_str()))
            .bind(column(contacts, |contact| contact.last_heard_ms))
            .bind(offers.clone());
        store.session().await?.changed(insert).await?;
        Ok::<_, Fault>(())
    })
}

pub(super) async fn drain(
    store: &PostgresStore,
    colony: ColonyKey,
    name: &str,
    drained_by: &str,
    now_ms: i64,
) -> StoreResult<()> {
    let insert = query(include_str!("executors/drain.sql")).bind(colony.0).bind(name).bind(drained_by).bind(now_ms);
    store.session().await?.changed(insert).await?;
    Ok(())
}

pub(super) async fn drain_off(store: &PostgresStore, colony: ColonyKey, name: &str) -> StoreResult<()> {
    let delete = query(include_str!("executors/drain_off.sql")).bind(colony.0).bind(name);
    store.session().await?.changed(delete).await?;
    Ok(())
}

pub(super) async fn list_functions(
    store: &PostgresStore,
    colony: ColonyKey,
    executor_type: Option<&str>,
    limit: i64,
) -> StoreResult<Vec<Announcement>> {
    let select =
        query(include_str!("executors/list_functions.sql")).bind(colony.0).bind(executor_type).bind(limit.max(0));
    store.session().await?.rows(select).await?.iter().map(|row| rows::announcement(row)).collect()
}

pub(super) async fn function_statistics(
    store: &PostgresStore,
    colony: ColonyKey,
    executor_type: Option<&str>,
    since_ms: i64,
    [processes_max, functions_max]: [i64; 2],
) -> StoreResult<Vec<FunctionStatistics>> {
    let select = query(include_str!("executors/list_functions_statistics.sql"))
        .bind(colony.0)
        .bind(executor_type)
        .bind(since_ms)
        .bind(processes_max)
        .bind(functions_max);
    store.session().await?.rows(select).await?.iter().map(|row| rows::function_statistics(row)).collect()
}
