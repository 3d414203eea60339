//! Events in Postgres.

use apiary_database::{query, sql};
use apiary_store::limits::KEY_NETWORKS_MAX;
use apiary_store::model::{
    ColonyKey, EventBounds, EventCounts, EventFilter, EventOrder, EventPage, KeyNetwork, NewEvent,
};
use apiary_store::rows::{self, Columns, Fields};
use apiary_store::{EventStore, StoreResult};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::{Session, Statement};
use crate::{PostgresStore, column};

#[async_trait::async_trait]
impl EventStore for PostgresStore {
    async fn add_events(&self, colony: ColonyKey, events: &[NewEvent]) -> StoreResult<()> {
        until_settled!(async { add(&mut self.session().await?, colony, events).await })
    }

    async fn list_events(
        &self,
        colony: ColonyKey,
        filter: &EventFilter,
        order: EventOrder,
        size: i64,
    ) -> StoreResult<EventPage> {
        let size = size.max(0);
        let scan_max = filter.scan_max(size);
        let (statement, from) = match order {
            EventOrder::After(after) => (sql!("events/list.sql"), after),
            EventOrder::Last => (sql!("events/list_last.sql"), i64::MAX),
        };
        let kinds = (!filter.kinds.is_empty()).then(|| column(&filter.kinds, |kind| kind.as_str()));
        let select = query(statement)
            .bind(colony.0)
            .bind(from)
            .bind(scan_max)
            .bind(filter.process_id)
            .bind(filter.key.as_ref().map(|key| key.as_bytes().as_slice()))
            .bind(filter.function.as_deref())
            .bind(filter.request_id.as_deref())
            .bind(filter.method.as_deref())
            .bind(kinds)
            .bind(filter.since_ms)
            .bind(filter.until_ms)
            .bind(size);
        let found = self.session().await?.rows(select).await?;
        let found: Vec<&dyn Columns> = found.iter().map(|row| row as _).collect();
        rows::event_page(&found, order, size, scan_max)
    }

    async fn last_event(&self, colony: ColonyKey) -> StoreResult<i64> {
        let head = self.session().await?.row(query(sql!("events/last.sql")).bind(colony.0)).await?;
        head.map_or(Ok(0), |row| Fields::of_summary(&row, "event_heads").number("position"))
    }

    async fn add_key_network(&self, colony: ColonyKey, network: &KeyNetwork, event: &NewEvent) -> StoreResult<bool> {
        until_settled!(async { add_key_network_once(self, colony, network, event).await })
    }

    async fn forget_events(&self, bounds: &EventBounds) -> StoreResult<u64> {
        let select = with_counts(query(sql!("events/forget.sql")), bounds.most).bind(bounds.before_ms);
        let due = self.session().await?.rows(select).await?;
        let mut deleted = 0;
        for row in &due {
            let fields = Fields::of_summary(row, "event_heads");
            let colony = ColonyKey(fields.number("colony")?);
            deleted += until_settled!(forget_once(self, colony, bounds))?;
        }
        Ok(deleted)
    }
}

async fn forget_once(store: &PostgresStore, colony: ColonyKey, bounds: &EventBounds) -> Result<u64, Fault> {
    let mut session = store.session().await?;
    session.begin().await?;
    let excess = with_counts(query(sql!("events/forget_excess.sql")).bind(colony.0), bounds.most);
    let excess = counts(session.row(excess).await?.as_ref())?;
    let delete = with_counts(query(sql!("events/forget_oldest.sql")).bind(colony.0), excess.at_most(bounds.rows_max));
    let gone = counts(session.row(delete.bind(bounds.before_ms).bind(bounds.rows_max)).await?.as_ref())?;
    session.changed(with_counts(query(sql!("events/forget_counted.sql")).bind(colony.0), gone)).await?;
    session.commit().await?;
    Ok(gone.sum().unsigned_abs())
}

/// Binds a number for each class.
fn with_counts(statement: Statement<'_>, counts: EventCounts) -> Statement<'_> {
    counts.0.into_iter().fold(statement, |statement, count| statement.bind(count))
}

fn counts(row: Option<&PgRow>) -> StoreResult<EventCounts> {
    rows::event_counts(row.map(|row| row as _))
}

async fn add_key_network_once(
    store: &PostgresStore,
    colony: ColonyKey,
    network: &KeyNetwork,
    event: &NewEvent,
) -> Result<bool, Fault> {
    let key = network.key.as_bytes().as_slice();
    let mut session = store.session().await?;
    session.begin().await?;
    let add = query(sql!("events/add_key_network.sql"))
        .bind(colony.0)
        .bind(key)
        .bind(network.network.as_str())
        .bind(network.seen_ms);
    if session.changed(add).await? == 0 {
        session.commit().await?;
        return Ok(false);
    }
    let count = session.row(query(sql!("events/count_key_networks.sql")).bind(colony.0).bind(key)).await?;
    let count = count.as_ref().map_or(Ok(0), |row| Fields::of_summary(row, "key_networks").number("count"))?;
    if count > KEY_NETWORKS_MAX {
        let forget = query(sql!("events/forget_key_networks.sql")).bind(colony.0).bind(key).bind(KEY_NETWORKS_MAX);
        session.changed(forget).await?;
    }
    record(&mut session, colony, Some(event).filter(|_| count > 1)).await?;
    session.commit().await?;
    Ok(true)
}

/// Stores the event of a change, if there is one, as the last statement of its transaction.
pub(super) async fn record(session: &mut Session, colony: ColonyKey, event: Option<&NewEvent>) -> Result<(), Fault> {
    match event {
        Some(event) => add(session, colony, std::slice::from_ref(event)).await,
        None => Ok(()),
    }
}

/// Stores the event of a change once for each changed process, as the last statement of its transaction.
pub(super) async fn record_each<'a>(
    session: &mut Session,
    colony: ColonyKey,
    event: Option<&NewEvent>,
    process_ids: impl IntoIterator<Item = &'a Uuid>,
) -> Result<(), Fault> {
    let Some(event) = event else { return Ok(()) };
    let events = event.of_each(process_ids);
    add(session, colony, &events).await
}

async fn add(session: &mut Session, colony: ColonyKey, events: &[NewEvent]) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let events: Vec<NewEvent> = events.iter().cloned().map(NewEvent::bounded).collect();
    let events = &events[..];
    let insert = query(sql!("events/add.sql"))
        .bind(colony.0)
        .bind(column(events, |event| event.time_ms))
        .bind(column(events, |event| event.count))
        .bind(column(events, |event| event.process_id))
        .bind(column(events, |event| event.kind.class().number()))
        .bind(column(events, |event| event.is_proven))
        .bind(column(events, |event| event.kind.as_str()))
        .bind(column(events, |event| event.method.as_str()))
        .bind(column(events, |event| event.reason.as_str()))
        .bind(column(events, |event| event.key.as_ref().map(|key| key.as_bytes().as_slice())))
        .bind(column(events, |event| event.name.as_str()))
        .bind(column(events, |event| event.address.as_str()))
        .bind(column(events, |event| event.function.as_str()))
        .bind(column(events, |event| event.request_id.as_str()))
        .bind(column(events, |event| event.subject.as_str()))
        .bind(column(events, |event| event.detail.as_str()));
    session.changed(insert).await.map(drop)
}
