//! Arguments and outputs: bytes that are stored unchanged inside a JSON document.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::DocumentError;
use crate::limits::{CONTENT_BYTES_MAX, JSON_DEPTH_MAX};

/// The two fields that carry content: JSON as it was written, or any bytes as base64.
#[derive(Clone, Default)]
pub struct Content {
    pub(crate) json: Option<Box<RawValue>>,
    pub(crate) base64: Option<String>,
}

impl Content {
    /// Wraps bytes: inline if they are JSON that a document keeps byte by byte, as base64 otherwise.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        let inline = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| depth(text.as_bytes()) <= JSON_DEPTH_MAX)
            .and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok())
            // White space around a value would become part of the surrounding document and be lost.
            .filter(|raw| raw.get().len() == bytes.len());
        match inline {
            Some(raw) => Self { json: Some(raw), base64: None },
            None => Self { json: None, base64: Some(STANDARD.encode(bytes)) },
        }
    }

    /// Returns the bytes as given. Never fails for content of an opened document, which was checked.
    pub fn to_bytes(&self) -> Result<Bytes, DocumentError> {
        match (&self.json, &self.base64) {
            (Some(raw), _) => Ok(Bytes::copy_from_slice(raw.get().as_bytes())),
            (None, Some(text)) => decode("content", text).map(Bytes::from),
            (None, None) => Ok(Bytes::new()),
        }
    }

    /// Returns the content, or `None` if both fields are absent.
    pub(crate) fn given(self) -> Option<Self> {
        (self.json.is_some() || self.base64.is_some()).then_some(self)
    }

    /// Checks that at most one of the two forms is used, and that it is readable and within its bounds.
    pub(crate) fn check(&self, field: &'static str, base64_field: &'static str) -> Result<(), DocumentError> {
        let length = match (&self.json, &self.base64) {
            (Some(_), Some(_)) => {
                return Err(DocumentError::field(field, format!("and `{base64_field}` exclude each other: send one")));
            }
            (Some(raw), None) => {
                let levels = depth(raw.get().as_bytes());
                if levels > JSON_DEPTH_MAX {
                    return Err(DocumentError::field(
                        field,
                        format!(
                            "nests {levels} levels deep, the most is {JSON_DEPTH_MAX}: send it as `{base64_field}`"
                        ),
                    ));
                }
                raw.get().len()
            }
            (None, Some(text)) => decode(base64_field, text)?.len(),
            (None, None) => 0,
        };
        if length > CONTENT_BYTES_MAX {
            return Err(DocumentError::field(
                field,
                format!("has {length} bytes, the most is {CONTENT_BYTES_MAX}: keep the bytes elsewhere and send where"),
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Content {
    /// Prints the size only: arguments may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.json, &self.base64) {
            (Some(raw), _) => write!(f, "Content({} bytes of JSON)", raw.get().len()),
            (None, Some(text)) => write!(f, "Content({} characters of base64)", text.len()),
            (None, None) => f.write_str("Content(none)"),
        }
    }
}

/// Reads a present field unchanged. `null` counts as present, where `Option` alone would read it as absent.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, DocumentError> {
    STANDARD
        .decode(text)
        .map_err(|error| DocumentError::field(field, format!("is not base64 (RFC 4648, padded, in one line): {error}")))
}

/// Returns the greatest nesting depth of `[` and `{` outside strings. The text may be invalid JSON.
pub(crate) fn depth(json: &[u8]) -> usize {
    // A byte scan, because a recursive parser would overflow its stack on the very texts that this bound is for.
    let (mut deepest, mut level, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b']' | b'}' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
