//! Listing events, and waiting for the next.

use std::time::Duration;

use apiary_store::model::{ColonyKey, EventFilter, EventOrder, EventPage, StoredEvent, cut_to_bytes};
use tokio::time::Instant;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::{EVENTS_LOOK_INTERVAL, PAGE_BYTES_MAX};

/// Bytes of an event's numbers, ids and keys, at the most; its text comes on top.
const EVENT_BYTES: usize = 256;

/// The events to list.
pub(crate) struct EventQuery {
    /// The events that match.
    pub(crate) filter: EventFilter,
    /// The part of the stream.
    pub(crate) order: EventOrder,
    /// The most events.
    pub(crate) size: i64,
    /// The longest wait for an event, if none is there.
    pub(crate) wait: Duration,
}

impl Engine {
    /// Returns a page of the colony's events. If nothing matches, it waits for an event that does, but no longer than the grant is valid.
    pub(crate) async fn list_events(
        &self,
        permit: Permit<action::ListEvents>,
        query: EventQuery,
    ) -> Result<EventPage, Error> {
        let colony = permit.colony().key;
        let EventQuery { filter, mut order, size, wait } = query;
        let until = Instant::now() + wait;
        // A caller that does not wait takes no place of those that do.
        let place = if wait.is_zero() { None } else { Some(self.place(&permit).await?) };
        loop {
            let page = cut(self.store.list_events(colony, &filter, order, size).await?);
            check_position(order, page.head)?;
            let Some(place) = place.as_ref().filter(|_| page.events.is_empty()) else { return Ok(page) };
            // What was read once is not read again.
            order = EventOrder::After(page.next);
            if Instant::now() >= until {
                return Ok(page);
            }
            if !page.is_more {
                tokio::select! {
                    // The end of a grant comes before anything that it would have shown.
                    biased;
                    ended = place.ended() => return Err(ended),
                    () = self.drain.cancelled() => return Err(Error::Draining),
                    () = self.next_event(colony, page.next, until) => {}
                }
            }
        }
    }

    /// Completes when there is an event after this position, or the time is over. It asks for the head of the stream alone, and only while
    /// somebody waits; so it needs no message from other brokers.
    async fn next_event(&self, colony: ColonyKey, after: i64, until: Instant) {
        loop {
            tokio::time::sleep_until(until.min(Instant::now() + EVENTS_LOOK_INTERVAL)).await;
            // An error shows in the read that follows.
            let is_new = self.store.last_event(colony).await.map_or(true, |last| last > after);
            if is_new || Instant::now() >= until {
                return;
            }
        }
    }
}

/// Refuses a position that the stream has not reached: the events that will be there are others than those that the reader has seen.
fn check_position(order: EventOrder, head: i64) -> Result<(), Error> {
    match order {
        EventOrder::After(after) if after > head => Err(Error::field(
            "after",
            format!(
                "is {after}, and the stream ends at {head}: the database was restored, or lost its last commits; read again from \
                 {head}, or from 0"
            ),
        )),
        _ => Ok(()),
    }
}

/// Cuts a page to what one answer can carry.
fn cut(mut page: EventPage) -> EventPage {
    let bytes = |stored: &StoredEvent| {
        let event = &stored.event;
        EVENT_BYTES
            + event.name.len()
            + event.function.len()
            + event.request_id.len()
            + event.subject.len()
            + event.detail.len()
    };
    if !cut_to_bytes(&mut page.events, PAGE_BYTES_MAX, bytes).is_empty() {
        page.next = page.events.last().map_or(page.next, |last| last.position);
        page.is_more = true;
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_beyond_the_end_is_refused() {
        let refused = check_position(EventOrder::After(8), 7).unwrap_err().to_string();
        assert!(refused.contains("`after` is 8, and the stream ends at 7"), "{refused}");
        for order in [EventOrder::After(7), EventOrder::After(0), EventOrder::Last] {
            check_position(order, 7).unwrap();
        }
    }
}
