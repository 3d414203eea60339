//! The event log's door: events of one's own programs, posted to `/events/log` and checked against a schema of their type.

mod catalogue;
mod event;
mod source;
#[cfg(test)]
mod tests;

pub use source::EventLog;
