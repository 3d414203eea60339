//! Thin events: they name an object and leave out its contents. Stripe sends them as `v2.core.event`, and since
//! September 2026 also about objects of API v1, to endpoints that were made for them.
//!
//! A bee needs the contents. With a key they could be fetched here, before the event is stored; until then a thin event
//! is refused, so that Stripe shows the failure, and sends it again after the repair.

use serde::Deserialize;

use crate::Refusal;

/// The `object` of thin events.
const OBJECT: &str = "v2.core.event";

/// The fields by which a thin event is told.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    object: Option<serde_json::Value>,
    #[serde(default)]
    related_object: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    data: Option<serde::de::IgnoredAny>,
}

/// Refuses a thin event. A body that is no event at all passes: the reader of events says what is wrong with it.
pub(super) fn refuse(body: &[u8]) -> Result<(), Refusal> {
    let Ok(fields) = serde_json::from_slice::<Fields>(body) else { return Ok(()) };
    let is_named = fields.object.as_ref().is_some_and(|object| object == OBJECT);
    let is_thin = is_named || (fields.related_object.is_some() && fields.data.is_none());
    if is_thin { Err(Refusal::EventThin) } else { Ok(()) }
}
