//! Executors in Postgres.

use apiary_database::{query, sql};
use apiary_identity::Id;
use apiary_store::model::{
    Announcement, ColonyKey, ExecutorCursor, ExecutorFilter, ExecutorRecord, FunctionStatistics, LastSeen, NewEvent,
    Page, PendingBound, Registration,
};
use apiary_store::{ExecutorStore, StoreResult, checks, rows};

use crate::fault::{Fault, until_settled};
use crate::session::Statement;
use crate::{PostgresStore, column, events};

#[async_trait::async_trait]
impl ExecutorStore for PostgresStore {
    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingBound,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        let (offer, functions) = checks::registration_json(registration)?;
        until_settled!(async {
            let insert = query(sql!("executors/register.sql"))
                .bind(colony.0)
                .bind(registration.key.as_bytes().as_slice())
                .bind(&registration.executor_type)
                .bind(&registration.name)
                .bind(now_ms)
                .bind(&offer)
                .bind(&functions)
                .bind(&registration.version)
                .bind(registration.is_granted)
                .bind(room.count_max)
                .bind(registration.slots)
                .bind(room.gives_way_before_ms);
            let mut session = self.session().await?;
            session.begin().await?;
            let kept = session.row(insert).await?;
            if kept.as_ref().is_some_and(|row| rows::is_new(row)) {
                events::record(&mut session, colony, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(kept.is_some())
        })
    }

    async fn reject_executor(
        &self,
        colony: ColonyKey,
        key: &Id,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<bool> {
        until_settled!(async {
            let key = key.as_bytes().as_slice();
            let update = query(sql!("executors/reject.sql")).bind(colony.0).bind(key).bind(now_ms);
            let mut session = self.session().await?;
            session.begin().await?;
            let found = session.rows(update).await?;
            if found.iter().any(|row| rows::is_new(row)) {
                events::record(&mut session, colony, event).await?;
            }
            session.commit().await?;
            Ok::<_, Fault>(!found.is_empty())
        })
    }

    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>> {
        let select = query(sql!("executors/list.sql"))
            .bind(colony.0)
            .bind(page.after.map_or(i64::MIN, |cursor| cursor.0))
            .bind(page.size.max(0))
            .bind(filter.executor_type.as_deref())
            .bind(filter.name.as_deref())
            .bind(filter.key.as_ref().map(|key| key.as_bytes().as_slice()))
            .bind(now_ms);
        self.session().await?.rows(select).await?.iter().map(|row| rows::executor(row)).collect()
    }

    async fn record_last_seen(&self, contacts: &[LastSeen]) -> StoreResult<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let offers = contacts.iter().map(checks::offer_json).collect::<StoreResult<Vec<_>>>()?;
        until_settled!(async {
            let insert = query(sql!("executors/record_last_seen.sql"))
                .bind(column(contacts, |contact| contact.colony.0))
                .bind(column(contacts, |contact| contact.key.as_bytes().as_slice()))
                .bind(column(contacts, |contact| contact.executor_type.as_str()))
                .bind(column(contacts, |contact| contact.name.as_str()))
                .bind(column(contacts, |contact| contact.last_heard_ms))
                .bind(offers.clone());
            self.session().await?.changed(insert).await?;
            Ok::<_, Fault>(())
        })
    }

    async fn drain_executor(
        &self,
        colony: ColonyKey,
        name: &str,
        drained_by: &str,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<()> {
        let insert = || query(sql!("executors/drain.sql")).bind(colony.0).bind(name).bind(drained_by).bind(now_ms);
        until_settled!(change_once(self, colony, insert(), event))
    }

    async fn undrain_executor(&self, colony: ColonyKey, name: &str, event: Option<&NewEvent>) -> StoreResult<()> {
        let delete = || query(sql!("executors/undrain_executor.sql")).bind(colony.0).bind(name);
        until_settled!(change_once(self, colony, delete(), event))
    }

    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>> {
        let select = query(sql!("executors/list_functions.sql")).bind(colony.0).bind(executor_type).bind(limit.max(0));
        self.session().await?.rows(select).await?.iter().map(|row| rows::announcement(row)).collect()
    }

    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        processes_max: i64,
        functions_max: i64,
    ) -> StoreResult<Vec<FunctionStatistics>> {
        let select = query(sql!("executors/list_functions_statistics.sql"))
            .bind(colony.0)
            .bind(executor_type)
            .bind(since_ms)
            .bind(processes_max)
            .bind(functions_max);
        self.session().await?.rows(select).await?.iter().map(|row| rows::function_statistics(row)).collect()
    }
}

/// Runs a statement, and stores its event if it changed anything.
async fn change_once(
    store: &PostgresStore,
    colony: ColonyKey,
    statement: Statement<'_>,
    event: Option<&NewEvent>,
) -> Result<(), Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    if session.changed(statement).await? > 0 {
        events::record(&mut session, colony, event).await?;
    }
    session.commit().await
}
