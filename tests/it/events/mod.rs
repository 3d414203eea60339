//! `EventService`.

mod list_events;
