//! Events in Postgres.

use apiary_database::{query, sql};
use apiary_store::model::{ColonyKey, EventBounds, EventFilter, EventOrder, EventPage, NewEvent};
use apiary_store::rows::{self, Columns, Fields};
use apiary_store::{EventStore, StoreResult};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::fault::{Fault, until_settled};
use crate::session::Session;
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

    async fn forget_events(&self, bounds: &EventBounds) -> StoreResult<u64> {
        let select =
            query(sql!("events/forget.sql")).bind(bounds.changes_max).bind(bounds.refusals_max).bind(bounds.before_ms);
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
    let excess =
        query(sql!("events/forget_excess.sql")).bind(colony.0).bind(bounds.changes_max).bind(bounds.refusals_max);
    let (changes, refusals) = counts(session.row(excess).await?.as_ref())?;
    let delete = query(sql!("events/forget_oldest.sql"))
        .bind(colony.0)
        .bind(changes.min(bounds.rows_max))
        .bind(refusals.min(bounds.rows_max))
        .bind(bounds.before_ms)
        .bind(bounds.rows_max);
    let (changes, refusals) = counts(session.row(delete).await?.as_ref())?;
    let counted = query(sql!("events/forget_counted.sql")).bind(colony.0).bind(changes).bind(refusals);
    session.changed(counted).await?;
    session.commit().await?;
    Ok((changes + refusals).unsigned_abs())
}

fn counts(row: Option<&PgRow>) -> StoreResult<(i64, i64)> {
    let count = |column| crate::number(row, column).map(|count| count.unwrap_or(0));
    Ok((count("changes")?, count("refusals")?))
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
    let refusals = events.iter().filter(|event| event.kind.is_refusal()).count();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let insert = query(sql!("events/add.sql"))
        .bind(colony.0)
        .bind(number(events.len()))
        .bind(number(refusals))
        .bind(column(events, |event| event.time_ms))
        .bind(column(events, |event| event.count))
        .bind(column(events, |event| event.process_id))
        .bind(column(events, |event| event.kind.is_refusal()))
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
