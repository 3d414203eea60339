//! Kinds of fields common to many of Stripe's objects.

use jiff::Timestamp;
use serde::Deserialize;

use super::EventError;
use crate::finance::limits::{ID_CHARS_MAX, TEXT_CHARS_MAX};

/// The latest second with a four-digit year.
const SECOND_MAX: i64 = 253_402_300_799;

/// A reference to another object: an id, or the object itself if it was expanded.
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

/// A list of Stripe's, of which events carry the first page.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) data: Vec<T>,
    /// True if there are others.
    pub(super) has_more: Option<bool>,
}

/// Checks an id that becomes a key: not empty, in bounds, no control characters. Owners of old accounts could choose
/// the ids of customers, so other characters are not restricted.
pub(super) fn object_id(field: &'static str, id: &str) -> Result<String, EventError> {
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX || id.chars().any(char::is_control) {
        return Err(EventError::field(
            field,
            format!("is not an id: expected 1 to {ID_CHARS_MAX} printable characters"),
        ));
    }
    Ok(id.to_owned())
}

/// Checks an id that becomes part of a version, where other characters could be confused with the separator.
pub(super) fn version_id(field: &'static str, id: &str) -> Result<String, EventError> {
    let id = object_id(field, id)?;
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(EventError::field(field, "is not a Stripe id: expected letters, digits and `_` only".to_owned()));
    }
    Ok(id)
}

/// Returns the id behind an optional reference.
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

/// Converts an optional time in seconds since 1970.
pub(super) fn timestamp(field: &'static str, seconds: Option<i64>) -> Result<Option<Timestamp>, EventError> {
    let Some(seconds) = seconds else { return Ok(None) };
    let seconds = second(field, seconds)?;
    Timestamp::from_second(seconds).map(Some).map_err(|error| EventError::field(field, error.to_string()))
}

/// Shortens a text for people to [`TEXT_CHARS_MAX`]; an empty one counts as absent.
pub(super) fn short_text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| storable(text).chars().take(TEXT_CHARS_MAX).collect())
}

/// Replaces U+0000, which Postgres cannot store, with U+FFFD.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
