//! Thin events: they name an object of Stripe's, and do not show it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::EventError;

/// An event without its object.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::finance) struct ThinEvent {
    pub(in crate::finance) id: String,
    #[serde(rename = "type")]
    pub(in crate::finance) event_type: String,
    object: String,
    created: Timestamp,
    #[serde(default)]
    pub(in crate::finance) livemode: bool,
    /// Connected account.
    pub(in crate::finance) context: Option<String>,
    pub(in crate::finance) related_object: Option<RelatedObject>,
}

/// The object of a thin event.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::finance) struct RelatedObject {
    pub(in crate::finance) id: String,
    #[serde(rename = "type")]
    pub(in crate::finance) kind: String,
}

impl ThinEvent {
    /// Reads a thin event; `None` for anything else.
    pub(in crate::finance) fn read(bytes: &[u8]) -> Option<Self> {
        let event: Self = serde_json::from_slice(bytes).ok()?;
        (event.object == "v2.core.event").then_some(event)
    }

    /// Returns the event with its object as read at Stripe, in the form of one that carries it.
    pub(in crate::finance) fn with(&self, object: &Value) -> Vec<u8> {
        let event_type = self.event_type.strip_prefix("v1.").unwrap_or(&self.event_type);
        json!({
            "id": self.id, "object": "event", "type": event_type, "created": self.created.as_second(),
            "livemode": self.livemode, "account": self.context, "data": {"object": object},
        })
        .to_string()
        .into_bytes()
    }

    /// Returns the refusal of an event whose object cannot be read.
    pub(in crate::finance) fn refusal(&self) -> EventError {
        EventError::Thin { event_id: self.id.clone(), event_type: self.event_type.clone() }
    }
}
