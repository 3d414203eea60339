//! Kinds of fields that occur in many of Stripe's objects.

use jiff::Timestamp;
use serde::Deserialize;

use super::EventError;
use crate::finance::limits::{ID_CHARS_MAX, TEXT_CHARS_MAX};

/// The latest second that has a four-digit year.
const SECOND_MAX: i64 = 253_402_300_799;

/// A reference to another object: its id, or, where it was expanded, the object itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

impl Reference {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// Stripe's lists, of which events carry the first page.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) data: Vec<T>,
}

/// Checks an id that becomes a key: not empty, in bounds, no control characters. Customers of old accounts
/// have ids of their owner's choosing, so nothing is said about the characters otherwise.
pub(super) fn object_id(field: &'static str, id: &str) -> Result<String, EventError> {
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX || id.chars().any(char::is_control) {
        return Err(EventError::field(field, format!("is no id: expected 1 to {ID_CHARS_MAX} printable characters")));
    }
    Ok(id.to_owned())
}

/// Checks an id that becomes part of a version, where it must not be mistaken for another part.
pub(super) fn version_id(field: &'static str, id: &str) -> Result<String, EventError> {
    let id = object_id(field, id)?;
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(EventError::field(field, "is no id of Stripe's: expected letters, digits and `_` only".to_owned()));
    }
    Ok(id)
}

/// The id behind a reference that may be missing.
pub(super) fn reference(field: &'static str, reference: Option<&Reference>) -> Result<Option<String>, EventError> {
    reference.map(|reference| object_id(field, reference.id())).transpose()
}

/// Checks a time in seconds since 1970.
pub(super) fn second(field: &'static str, second: i64) -> Result<i64, EventError> {
    if !(0..=SECOND_MAX).contains(&second) {
        return Err(EventError::field(field, format!("is {second}: expected seconds from 1970 to the year 9999")));
    }
    Ok(second)
}

/// A time in seconds since 1970, where there is one.
pub(super) fn timestamp(field: &'static str, seconds: Option<i64>) -> Result<Option<Timestamp>, EventError> {
    let Some(seconds) = seconds else { return Ok(None) };
    let seconds = second(field, seconds)?;
    Timestamp::from_second(seconds).map(Some).map_err(|error| EventError::field(field, error.to_string()))
}

/// A text for people, cut to bounds, empty as absent.
pub(super) fn short_text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| storable(text).chars().take(TEXT_CHARS_MAX).collect())
}

/// The text with U+FFFD in place of U+0000, which Postgres cannot store.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
