//! Events that are compared with each other.

use serde::Deserialize;
use serde_json::Value;

use super::super::change::Change;

/// An event of a second, with all that tells its place in it.
pub(in crate::finance) struct Contender {
    pub(in crate::finance) change: Change,
    pub(super) event_type: String,
    pub(super) object: Value,
    /// Previous values of what the event changed; `None` if it lists none.
    pub(super) previous: Option<Value>,
}

#[derive(Deserialize)]
struct Event {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
    previous_attributes: Option<Value>,
}

impl Contender {
    /// Reads an event as it was received; `None` if it is none, which a recorded event cannot be.
    pub(in crate::finance) fn read(payload: &str) -> Option<Self> {
        let change = Change::from_event(payload.as_bytes()).ok()?;
        Self::new(change)
    }

    /// Reads the event of a change.
    pub(in crate::finance) fn new(change: Change) -> Option<Self> {
        let text = super::super::stripe::repaired(&change.event.payload);
        let Event { data } = serde_json::from_str(&text).ok()?;
        Some(Self {
            event_type: change.event.event_type.clone(),
            object: data.object,
            previous: data.previous_attributes.filter(Value::is_object),
            change,
        })
    }

    /// Returns the second of the event.
    pub(in crate::finance) fn second(&self) -> i64 {
        self.change.event.created.as_second()
    }

    /// Returns what the event says, without its id: equal for events that no decision tells apart.
    pub(in crate::finance) fn contents(&self) -> (String, String, String) {
        let previous = self.previous.as_ref().map(Value::to_string).unwrap_or_default();
        (self.object.to_string(), self.event_type.clone(), previous)
    }

    /// Returns true if no other state follows.
    pub(super) fn is_final(&self) -> bool {
        self.change.state_version().starts_with('1')
    }

    /// Returns true if both events lead to the same rows.
    pub(super) fn shows_the_same(&self, other: &Self) -> bool {
        self.change.writes_the_same(&other.change)
    }

    /// Returns the last part of the event's type, such as `updated`.
    pub(super) fn verb(&self) -> &str {
        self.event_type.rsplit('.').next().unwrap_or_default()
    }

    /// Returns all but the last part of the event's type, such as `customer.subscription`.
    pub(super) fn noun(&self) -> &str {
        self.event_type.rsplit_once('.').map_or("", |(noun, _)| noun)
    }
}
