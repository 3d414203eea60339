//! Reads the events of a request: one, or a list of them, and nothing of the list if one is wrong.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::catalogue::Catalogue;
use crate::event::{is_id, is_object, is_type};
use crate::refusal::{EVENT_FAULTS_MAX, EventFault};
use crate::{Event, Refusal};

/// Events of one request.
const EVENTS_MAX: usize = 100;

/// Fields that an event has; the others are the bee's. One that stands there twice is refused, because the bee might read the other
/// one, which no schema has seen.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type", default, deserialize_with = "present")]
    kind: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
}

/// Reads a field that is there, also one that is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads the events of a body.
pub(super) fn read(body: &[u8], catalogue: Option<&Catalogue>) -> Result<Vec<Event>, Refusal> {
    let no_json = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        Refusal::EventMalformed(format!("the body is not JSON in UTF-8 (line {line}, column {column})"))
    };
    let is_list = body.trim_ascii_start().starts_with(b"[");
    let texts: Vec<&RawValue> = match is_list {
        true => serde_json::from_slice(body).map_err(no_json)?,
        false => vec![serde_json::from_slice(body).map_err(no_json)?],
    };
    if !(1..=EVENTS_MAX).contains(&texts.len()) {
        return Err(Refusal::EventMalformed(format!("a list of events has 1 to {EVENTS_MAX} of them")));
    }
    let mut faults = Vec::new();
    let mut events = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match event(text.get(), catalogue) {
            Ok(event) => events.push(event),
            Err((pointer, problem)) => {
                let pointer = if is_list { format!("/{index}{pointer}") } else { pointer };
                faults.push(EventFault { pointer, problem });
            }
        }
    }
    if faults.is_empty() {
        return Ok(events);
    }
    faults.truncate(EVENT_FAULTS_MAX);
    Err(Refusal::EventInvalid(faults))
}

/// Reads an event, or returns pointer and problem. The problem has no values of the event.
fn event(text: &str, catalogue: Option<&Catalogue>) -> Result<Event, (String, String)> {
    let wrong = |pointer: &str, problem: &str| (pointer.to_owned(), problem.to_owned());
    let fields = is_object(text.as_bytes()).then(|| serde_json::from_str(text).ok()).flatten();
    let no_object = "is not an object of at most 100 levels, with `type`, `id` and `data` once";
    let fields: Fields = fields.ok_or_else(|| wrong("", no_object))?;
    let kind = match &fields.kind {
        Some(Value::String(kind)) if is_type(kind) => kind,
        Some(_) => return Err(wrong("/type", "is not up to 255 letters, digits, `.`, `_`, `-`, `[` and `]`")),
        None => return Err(wrong("", "lacks \"type\"")),
    };
    let id = match &fields.id {
        Some(Value::String(id)) if is_id(id) => id.clone(),
        Some(_) => return Err(wrong("/id", "is not up to 255 letters, digits, `.`, `_` and `-`")),
        // Without an id, a repeated request is another event.
        None => Uuid::new_v4().to_string(),
    };
    let data = fields.data.as_ref().ok_or_else(|| wrong("", "lacks \"data\""))?;
    match catalogue.map(|catalogue| catalogue.check(kind, data)) {
        None | Some(Some(Ok(()))) => {}
        Some(None) => return Err(wrong("/type", "has no schema: add one as `TYPE.json` to the folder of schemas")),
        Some(Some(Err(misfit))) => return Err((format!("/data{}", misfit.pointer), misfit.why.to_string())),
    }
    Ok(Event { args: Some(text.as_bytes().to_vec()), shares_id: true, ..Event::new(id, kind) })
}
