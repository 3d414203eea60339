//! Places in a request where a sender puts an event's id or type.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::signing::optional_header;
use crate::{Refusal, event};

/// Names in the path of a field.
const DEPTH_MAX: usize = 16;

/// A place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header.
    Header(Cow<'static, str>),
    /// A field of the body, by the names on the way to it.
    Field(Vec<String>),
    /// No place in the request: always this text.
    Always(String),
    /// SHA-256 of the body, for senders without ids: a repeated body is the same event.
    Digest,
}

impl Place {
    /// Reads `header:NAME`, `field:PATH`, `always:TEXT` or `digest`.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        match text.split_once(':') {
            None if text == "digest" => Ok(Self::Digest),
            Some(("header", name)) => header_name(name).map(Self::Header),
            Some(("field", path)) => {
                let names: Vec<String> = path.split('.').map(str::to_owned).collect();
                let is_path = names.len() <= DEPTH_MAX && names.iter().all(|name| !name.is_empty());
                is_path.then_some(Self::Field(names)).ok_or("a field is named by its path, such as `field:event.id`")
            }
            Some(("always", kind)) if event::is_type(kind) => Ok(Self::Always(kind.to_owned())),
            _ => Err("write `header:NAME`, `field:PATH`, `always:TEXT` or `digest`"),
        }
    }

    /// Returns true if the value is in the body, which must be JSON then.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self, Self::Field(_))
    }

    /// Returns the value: a text, or a number or a boolean as JSON writes it. `None` if it is not there.
    pub(super) fn find(&self, headers: &HeaderMap, body: &[u8], json: &Value) -> Result<Option<String>, Refusal> {
        match self {
            Self::Header(name) => Ok(optional_header(headers, name.clone())?.map(str::to_owned)),
            Self::Always(text) => Ok(Some(text.clone())),
            Self::Digest => Ok(Some(hex::encode(Sha256::digest(body)))),
            Self::Field(names) => {
                let found = names.iter().try_fold(json, |value, name| match value {
                    Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                    value => value.get(name),
                });
                Ok(match found {
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
                    _ => None,
                })
            }
        }
    }
}

/// Checks a header's name.
pub(super) fn header_name(name: &str) -> Result<Cow<'static, str>, &'static str> {
    let is_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
    is_name.then(|| Cow::Owned(name.to_owned())).ok_or("a header's name has letters, digits and `-`")
}
