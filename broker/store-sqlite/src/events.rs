//! Events in SQLite.

use apiary_database::{query, sql};
use apiary_store::limits::KEY_NETWORKS_MAX;
use apiary_store::model::{
    ColonyKey, EventBounds, EventCounts, EventFilter, EventOrder, EventPage, KeyNetwork, NewEvent,
};
use apiary_store::rows::{self, Columns, Fields};
use apiary_store::{EventStore, StoreResult};
use serde::Serialize;
use uuid::Uuid;

use crate::SqliteStore;
use crate::batch::list;
use crate::transaction::{Statement, Write, read};

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

    async fn add_key_network(&self, colony: ColonyKey, network: &KeyNetwork, event: &NewEvent) -> StoreResult<bool> {
        let key = network.key.as_bytes().as_slice();
        let mut write = Write::begin(&self.writer).await?;
        let insert = query(sql!("events/add_key_network.sql"))
            .bind(colony.0)
            .bind(key)
            .bind(network.network.as_str())
            .bind(network.seen_ms);
        if write.changed(insert).await? == 0 {
            return Ok(false);
        }
        let count = write.rows(query(sql!("events/count_key_networks.sql")).bind(colony.0).bind(key)).await?;
        let count = count.first().map_or(Ok(0), |row| Fields::of_summary(row, "key_networks").number("count"))?;
        if count > KEY_NETWORKS_MAX {
            let forget = query(sql!("events/forget_key_networks.sql")).bind(colony.0).bind(key).bind(KEY_NETWORKS_MAX);
            write.changed(forget).await?;
        }
        if count > 1 {
            add(&mut write, colony, std::slice::from_ref(event)).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    async fn forget_events(&self, bounds: &EventBounds) -> StoreResult<u64> {
        let select = with_counts(query(sql!("events/forget.sql")), bounds.most).bind(bounds.before_ms);
        let mut deleted = 0;
        for row in &read(&self.readers, select).await? {
            let colony = Fields::of_summary(row, "event_heads").number("colony")?;
            let mut write = Write::begin(&self.writer).await?;
            let excess = with_counts(query(sql!("events/forget_excess.sql")).bind(colony), bounds.most);
            let excess = write.rows(excess).await?;
            let excess = rows::event_counts(excess.first().map(|row| row as _))?.at_most(bounds.rows_max);
            let delete = with_counts(query(sql!("events/forget_oldest.sql")).bind(colony), excess);
            let mut gone = EventCounts::default();
            for row in &write.rows(delete.bind(bounds.before_ms).bind(bounds.rows_max)).await? {
                let class = usize::try_from(Fields::of_summary(row, "events").number("class")?);
                if let Some(count) = class.ok().and_then(|class| gone.0.get_mut(class)) {
                    *count += 1;
                }
            }
            write.changed(with_counts(query(sql!("events/forget_counted.sql")).bind(colony), gone)).await?;
            write.commit().await?;
            deleted += gone.sum().unsigned_abs();
        }
        Ok(deleted)
    }
}

/// Binds a number for each class.
fn with_counts(statement: Statement<'_>, counts: EventCounts) -> Statement<'_> {
    counts.0.into_iter().fold(statement, |statement, count| statement.bind(count))
}

/// An event to store.
#[derive(Serialize)]
struct EventItem {
    time_ms: i64,
    count: i64,
    process_id: Option<uuid::fmt::Simple>,
    class: i16,
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
            class: event.kind.class().number(),
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
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let classes = list(events.iter().map(|event| event.kind.class().number()))?;
    let head = query(sql!("steps/add_events_head.sql")).bind(colony.0).bind(classes);
    let head = write.rows(head).await?;
    let last = head.first().map_or(Ok(0), |row| Fields::of_summary(row, "event_heads").number("position"))?;
    let items = list(events.iter().map(EventItem::new))?;
    write.changed(query(sql!("events/add.sql")).bind(colony.0).bind(last - count).bind(items)).await.map(drop)
}
