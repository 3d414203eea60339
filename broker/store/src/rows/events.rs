//! Rows about events.

use apiary_identity::Id;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Event, EventCounts, EventOrder, EventPage, StoredEvent};

/// Reads a page from rows of an event each, and the columns `head`, `scanned_to` and `scanned` in every row. The last row of a page
/// without events has no position.
pub fn event_page(rows: &[&dyn Columns], order: EventOrder, size: i64, scan_max: i64) -> StoreResult<EventPage> {
    let mut page = EventPage::default();
    let mut scanned = 0;
    for row in rows {
        let fields = Fields::of_summary(*row, "events");
        scanned = fields.number("scanned")?;
        page.next = fields.number_if_any("scanned_to")?.unwrap_or(0);
        page.head = fields.number_if_any("head")?.unwrap_or(0);
        if fields.number_if_any("position")?.is_some() {
            page.events.push(event(&fields)?);
        }
    }
    let is_full = i64::try_from(page.events.len()).is_ok_and(|count| count >= size);
    match order {
        EventOrder::After(after) => {
            page.next = page.next.max(after);
            if let (true, Some(last)) = (is_full, page.events.last()) {
                page.next = last.position;
            }
            page.is_more = is_full || scanned >= scan_max;
        }
        // The newest row was the first that was read, and its position is where the stream goes on.
        EventOrder::Last => {
            page.events.reverse();
            page.is_more = !is_full && scanned >= scan_max;
        }
    }
    Ok(page)
}

/// Reads the numbers of events of each class; zeros without a row.
pub fn event_counts(row: Option<&dyn Columns>) -> StoreResult<EventCounts> {
    let mut counts = EventCounts::default();
    if let Some(row) = row {
        let fields = Fields::of_summary(row, "event_heads");
        for (count, column) in counts.0.iter_mut().zip(EventCounts::COLUMNS) {
            *count = fields.number(column)?;
        }
    }
    Ok(counts)
}

/// Reads from `is_new` if a statement added a row, and found none that was there.
pub fn is_new(row: &dyn Columns) -> bool {
    row.small("is_new").is_ok_and(|is_new| is_new == Some(1))
}

fn event(fields: &Fields<'_>) -> StoreResult<StoredEvent> {
    let key = fields.bytes_if_any("key")?.map(|bytes| Id::from_slice(&bytes));
    let event = Event {
        time_ms: fields.number("time_ms")?,
        // As a word: a newer broker may have written kinds that this one does not know, and its reader gets past them.
        kind: fields.text("kind")?,
        method: fields.text("method")?,
        reason: fields.text("reason")?,
        key: key.transpose().map_err(|error| fields.corrupt("key", format!("is {error}")))?,
        is_proven: fields.small("is_proven")? != 0,
        name: fields.text("name")?,
        address: fields.text("address")?,
        process_id: fields.uuid_if_any("process_id")?,
        function: fields.text("function")?,
        request_id: fields.text("request_id")?,
        subject: fields.text("subject")?,
        detail: fields.text("detail")?,
        count: fields.number("count")?,
    };
    Ok(StoredEvent { position: fields.number("position")?, event })
}
