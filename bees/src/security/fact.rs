//! Facts: events of the colony's stream, events in the arguments, and findings about the colony's state, in one form.

use apiary_executor_sdk::v1;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::limits::{EVENT_TEXT_BYTES_MAX, EVENTS_SUBMITTED_MAX};

/// JSON Schema of an event in the arguments.
macro_rules! event_schema {
    () => {
        r#"{
        "type": "object",
        "properties": {
          "time": { "type": "string" },
          "kind": { "type": "string", "minLength": 1, "maxLength": 256 },
          "key_id": { "type": "string", "maxLength": 512 },
          "name": { "type": "string", "maxLength": 512 },
          "address": { "type": "string", "maxLength": 512 },
          "method": { "type": "string", "maxLength": 512 },
          "function": { "type": "string", "maxLength": 512 },
          "subject": { "type": "string", "maxLength": 512 },
          "count": { "type": "integer", "minimum": 1, "maximum": 1000000 }
        },
        "required": ["time", "kind"],
        "additionalProperties": false
      }"#
    };
}
pub(super) use event_schema;

/// Largest number of times that an event in the arguments may stand for.
const COUNT_MAX: u64 = 1_000_000;

/// A thing that happened, or that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// The kind, such as `refused.scope`.
    pub kind: String,
    /// The source.
    pub source: Source,
    /// The id of the key; empty without one.
    pub key: String,
    /// The name of the key's grant.
    pub name: String,
    /// The address of the other side.
    pub address: String,
    /// The call.
    pub method: String,
    /// The function.
    pub function: String,
    /// The thing that it is about.
    pub subject: String,
    /// The number of times that it happened.
    pub count: u64,
}

/// The source of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The colony's stream, with the position there.
    Stream(i64),
    /// The arguments, with the place there, from 0.
    Submitted(usize),
    /// The state of the colony.
    State,
}

/// An event in the arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmittedEvent {
    /// When.
    pub time: Timestamp,
    /// The kind: one of the stream's, `payment.declined`, `payment.failed`, `payment.set_aside` or `webhook.set_aside`, or any
    /// other word.
    pub kind: String,
    /// The id of the key.
    #[serde(default)]
    pub key_id: String,
    /// The name of the key's grant.
    #[serde(default)]
    pub name: String,
    /// The address of the other side.
    #[serde(default)]
    pub address: String,
    /// The call.
    #[serde(default)]
    pub method: String,
    /// The function.
    #[serde(default)]
    pub function: String,
    /// The thing that it is about.
    #[serde(default)]
    pub subject: String,
    /// The number of times that it happened.
    #[serde(default = "once")]
    pub count: u64,
}

fn once() -> u64 {
    1
}

impl Fact {
    /// Creates a fact of this kind and time, with nothing else in it.
    pub fn new(kind: &str, time_ms: i64, source: Source) -> Self {
        let empty = String::new;
        Self {
            time_ms,
            kind: kind.to_owned(),
            source,
            key: empty(),
            name: empty(),
            address: empty(),
            method: empty(),
            function: empty(),
            subject: empty(),
            count: 1,
        }
    }
}

impl From<v1::Event> for Fact {
    fn from(event: v1::Event) -> Self {
        Self {
            time_ms: event.time_ms,
            kind: event.kind,
            source: Source::Stream(event.position),
            key: event.key_id,
            name: event.name,
            address: event.address,
            method: event.method,
            function: event.function,
            subject: event.subject,
            count: u64::try_from(event.count).unwrap_or(0),
        }
    }
}

/// Reads the events of the arguments.
///
/// # Errors
///
/// The bound that they exceed.
pub(super) fn submitted(events: Vec<SubmittedEvent>) -> Result<Vec<Fact>, String> {
    if events.len() > EVENTS_SUBMITTED_MAX {
        return Err(format!("`events` has {} events: send at most {EVENTS_SUBMITTED_MAX}", events.len()));
    }
    events.into_iter().enumerate().map(|(place, event)| fact(place, event)).collect()
}

fn fact(place: usize, event: SubmittedEvent) -> Result<Fact, String> {
    let SubmittedEvent { time, kind, key_id, name, address, method, function, subject, count } = event;
    let texts = [&kind, &key_id, &name, &address, &method, &function, &subject];
    if kind.is_empty() || texts.iter().any(|text| text.len() > EVENT_TEXT_BYTES_MAX) {
        return Err(format!("event {place} of `events`: a kind, and texts of at most {EVENT_TEXT_BYTES_MAX} bytes"));
    }
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(format!("event {place} of `events`: `count` is {count}: expected 1 to {COUNT_MAX}"));
    }
    let source = Source::Submitted(place);
    Ok(Fact {
        time_ms: time.as_millisecond(),
        kind,
        source,
        key: key_id,
        name,
        address,
        method,
        function,
        subject,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<Fact>, String> {
        submitted(vec![serde_json::from_str(json).map_err(|error| error.to_string())?])
    }

    #[test]
    fn an_event_of_the_arguments_is_a_fact_with_its_place() {
        let facts = read(r#"{"time": "2026-11-21T10:00:00Z", "kind": "payment.failed", "function": "stripe.event"}"#);
        let fact = &facts.unwrap()[0];
        assert_eq!((fact.count, fact.source, fact.function.as_str()), (1, Source::Submitted(0), "stripe.event"));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (json, words) in [
            (r#"{"time": "2026-11-21T10:00:00Z", "kind": ""}"#, "a kind"),
            (r#"{"time": "2026-11-21T10:00:00Z", "kind": "a", "count": 0}"#, "`count` is 0"),
            (r#"{"time": "2026-11-21T10:00:00Z", "kind": "a", "weather": 1}"#, "weather"),
            (r#"{"time": "yesterday", "kind": "a"}"#, "year"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let one: SubmittedEvent = serde_json::from_str(r#"{"time": "2026-11-21T10:00:00Z", "kind": "a"}"#).unwrap();
        assert!(submitted(vec![one; EVENTS_SUBMITTED_MAX + 1]).unwrap_err().contains("at most 2000"));
    }
}
