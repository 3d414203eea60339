//! Events in SQLite.

use apiary_database::{query, sql};
use apiary_store::model::{ColonyKey, EventBounds, EventFilter, EventOrder, EventPage, NewEvent};
use apiary_store::rows::{self, Columns, Fields};
use apiary_store::{EventStore, StoreResult};
use serde::Serialize;
use uuid::Uuid;

use crate::SqliteStore;
use crate::batch::list;
use crate::transaction::{Write, read};

#[async_trait::async_trait]
impl EventStore for SqliteStore {
    async fn add_events(&self, colony: ColonyKey, events: &[NewEvent]) -> StoreResult<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut write = Write::begin(&self.writer).await?;
        add(&mut write, colony, events).await?;
        write.commit().await
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
        let kinds = match filter.kinds.is_empty() {
            true => None,
            false => Some(list(filter.kinds.iter().map(|kind| kind.as_str()))?),
        };
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
        let found = read(&self.readers, select).await?;
        let found: Vec<&dyn Columns> = found.iter().map(|row| row as _).collect();
        rows::event_page(&found, order, size, scan_max)
    }

    async fn last_event(&self, colony: ColonyKey) -> StoreResult<i64> {
        let head = read(&self.readers, query(sql!("events/last.sql")).bind(colony.0)).await?;
        head.first().map_or(Ok(0), |row| Fields::of_summary(row, "event_heads").number("position"))
    }

    async fn forget_events(&self, bounds: &EventBounds) -> StoreResult<u64> {
        let select =
            query(sql!("events/forget.sql")).bind(bounds.changes_max).bind(bounds.refusals_max).bind(bounds.before_ms);
        let mut deleted = 0;
        for row in &read(&self.readers, select).await? {
            let colony = Fields::of_summary(row, "event_heads").number("colony")?;
            let mut write = Write::begin(&self.writer).await?;
            let excess =
                query(sql!("events/forget_excess.sql")).bind(colony).bind(bounds.changes_max).bind(bounds.refusals_max);
            let excess = write.rows(excess).await?;
            let excess = |column| {
                let row = excess.first().map(|row| Fields::of_summary(row, "event_heads"));
                row.map_or(Ok(0), |fields| fields.number(column))
            };
            let delete = query(sql!("events/forget_oldest.sql"))
                .bind(colony)
                .bind(excess("changes")?.min(bounds.rows_max))
                .bind(excess("refusals")?.min(bounds.rows_max))
                .bind(bounds.before_ms)
                .bind(bounds.rows_max);
            let gone = write.rows(delete).await?;
            let mut refusals = 0;
            for row in &gone {
                refusals += Fields::of_summary(row, "events").number("is_refusal")?;
            }
            let all = i64::try_from(gone.len()).unwrap_or(i64::MAX);
            let counted = query(sql!("events/forget_counted.sql")).bind(colony).bind(all - refusals).bind(refusals);
            write.changed(counted).await?;
            write.commit().await?;
            deleted += all.unsigned_abs();
        }
        Ok(deleted)
    }
}

/// An event to store.
#[derive(Serialize)]
struct EventItem {
    time_ms: i64,
    count: i64,
    process_id: Option<uuid::fmt::Simple>,
    is_refusal: i64,
    is_proven: i64,
    kind: &'static str,
    method: String,
    reason: String,
    key: Option<String>,
    name: String,
    address: String,
    function: String,
    request_id: String,
    subject: String,
    detail: String,
}

impl EventItem {
    fn new(event: &NewEvent) -> Self {
        let event = event.clone().bounded();
        Self {
            time_ms: event.time_ms,
            count: event.count,
            process_id: event.process_id.map(Uuid::simple),
            is_refusal: i64::from(event.kind.is_refusal()),
            is_proven: i64::from(event.is_proven),
            kind: event.kind.as_str(),
            method: event.method,
            reason: event.reason,
            key: event.key.map(|key| hex::encode(key.as_bytes())),
            name: event.name,
            address: event.address,
            function: event.function,
            request_id: event.request_id,
            subject: event.subject,
            detail: event.detail,
        }
    }
}

/// Stores the event of a change, if there is one, in its transaction.
pub(super) async fn record(write: &mut Write, colony: ColonyKey, event: Option<&NewEvent>) -> StoreResult<()> {
    match event {
        Some(event) => add(write, colony, std::slice::from_ref(event)).await,
        None => Ok(()),
    }
}

/// Stores the event of a change once for each changed process, in its transaction.
pub(super) async fn record_each<'a>(
    write: &mut Write,
    colony: ColonyKey,
    event: Option<&NewEvent>,
    process_ids: impl IntoIterator<Item = &'a Uuid>,
) -> StoreResult<()> {
    let Some(event) = event else { return Ok(()) };
    let events = event.of_each(process_ids);
    add(write, colony, &events).await
}

async fn add(write: &mut Write, colony: ColonyKey, events: &[NewEvent]) -> StoreResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    let refusals = events.iter().filter(|event| event.kind.is_refusal()).count();
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let head = query(sql!("steps/add_events_head.sql"))
        .bind(colony.0)
        .bind(count)
        .bind(i64::try_from(refusals).unwrap_or(i64::MAX));
    let head = write.rows(head).await?;
    let last = head.first().map_or(Ok(0), |row| Fields::of_summary(row, "event_heads").number("position"))?;
    let items = list(events.iter().map(EventItem::new))?;
    write.changed(query(sql!("events/add.sql")).bind(colony.0).bind(last - count).bind(items)).await.map(drop)
}
