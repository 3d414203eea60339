//! Reads the identifying values of an event. Id and name are in headers, which the signature does not cover: whoever can
//! repeat a signed body can choose another id for it. That is GitHub's scheme, and TLS in front of the adapter keeps
//! bodies from strangers.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::event::{is_id, is_object, is_type};
use crate::signing::optional_header;
use crate::{Event, Refusal};

const DELIVERY: Cow<'static, str> = Cow::Borrowed("X-GitHub-Delivery");
const NAME: Cow<'static, str> = Cow::Borrowed("X-GitHub-Event");

/// The field that the type needs, where there is one; the bee reads the others.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    action: Option<String>,
}

/// Reads a body with a valid signature. The type is `X-GitHub-Event`, and `.action` if the body has one.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Event, Refusal> {
    let form = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form"));
    if form {
        return Err(odd("it is a form: set the webhook's content type at GitHub to `application/json`"));
    }
    let id = optional_header(headers, DELIVERY)?.filter(|id| is_id(id));
    let id = id.ok_or_else(|| odd("there is no `X-GitHub-Delivery` header with an id"))?;
    let name = optional_header(headers, NAME)?.filter(|name| is_type(name));
    let name = name.ok_or_else(|| odd("there is no `X-GitHub-Event` header with the name of an event"))?;
    let no_object = || odd("it is not a JSON object in UTF-8, or its `action` is not a text");
    if !is_object(body) {
        return Err(no_object());
    }
    let fields: Fields = serde_json::from_slice(body).map_err(|_| no_object())?;
    let kind = match fields.action {
        Some(action) => format!("{name}.{action}"),
        None => name.to_owned(),
    };
    if !is_type(&kind) {
        return Err(odd("`action` is not a word (letters, digits, `.`, `_` and `-`)"));
    }
    Ok(Event::new(id, kind))
}

fn odd(problem: &str) -> Refusal {
    Refusal::EventMalformed(format!("the body is not an event of GitHub: {problem}"))
}
