//! The verification of one sender's requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::definition::{Definition, Encoding, Part};
use super::source::SECRETS_KEY;
use crate::event::{is_id, is_type};
use crate::signing::{SECRET_BYTES_MIN, check_age, check_secrets, header};
use crate::{Endpoint, Event, Refusal, StartError};

/// Most digits of the time, in seconds or milliseconds.
const TIME_DIGITS_MAX: usize = 15;
/// Times from here on are in milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// A sender with its secrets.
#[derive(Debug)]
pub(super) struct HmacEndpoint {
    pub(super) definition: Definition,
    pub(super) secrets: Vec<SecretString>,
}

impl Endpoint for HmacEndpoint {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn check(&self) -> Result<(), StartError> {
        let name = &self.definition.name;
        let wanted = format!("entries `{name}=SECRET` for the sender `{name}`");
        let form = format!(
            "the secret of `{name}` is not in the notation that `secret=` names, or has less than {SECRET_BYTES_MIN} bytes"
        );
        check_secrets(SECRETS_KEY, &self.secrets, &wanted, &form, |text| {
            key(&self.definition, text).is_some_and(|key| key.len() >= SECRET_BYTES_MIN)
        })
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let definition = &self.definition;
        let malformed = |problem| Refusal::SignatureMalformed { header: definition.header.clone(), problem };
        let text = header(headers, definition.header.clone())?;
        let text =
            text.strip_prefix(definition.prefix.as_str()).ok_or(malformed("does not begin with the set prefix"))?;
        let code = definition.encoding.decode(text).filter(|code| code.len() == definition.algorithm.bytes());
        let code = code.ok_or(malformed("is not a signature of the set algorithm and encoding"))?;
        let time = definition.time.as_ref().map(|time| header(headers, time.header.clone())).transpose()?;
        // An id that is signed stands in a header: the body is read only after the check.
        let id = match definition.signed.contains(&Part::Id) {
            true => definition.id.find(headers, body, &Value::Null)?.unwrap_or_default(),
            false => String::new(),
        };
        let parts: Vec<&[u8]> = definition.signed.iter().map(|part| part.bytes(body, time, &id)).collect();
        let is_signed = |secret: &SecretString| {
            let key = key(definition, secret.expose_secret());
            key.is_some_and(|key| definition.algorithm.made_one_of(&key, &parts, [&code]))
        };
        if !self.secrets.iter().any(is_signed) {
            return Err(Refusal::SignatureWrong);
        }
        if let (Some(text), Some(time)) = (time, &definition.time) {
            let problem = "is not a number of seconds or milliseconds";
            let malformed = Refusal::SignatureMalformed { header: time.header.clone(), problem };
            check_age(seconds(text).ok_or(malformed)?, now, time.tolerance)?;
        }
        Ok(vec![self.read(headers, body)?])
    }
}

impl HmacEndpoint {
    /// Reads the event of a request with a valid signature.
    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, Refusal> {
        let Definition { id, kind, .. } = &self.definition;
        let odd = |problem: &str| Refusal::EventMalformed(format!("the request is not an event: {problem}"));
        let json: Value = match id.is_in_body() || kind.is_in_body() {
            true => serde_json::from_slice(body)
                .map_err(|_| odd("the body is not JSON in UTF-8, at most 100 levels deep"))?,
            false => Value::Null,
        };
        let id = id.find(headers, body, &json)?.filter(|id| is_id(id));
        let id = id.ok_or_else(|| odd("its id is missing, or not up to 255 letters, digits, `.`, `_` and `-`"))?;
        let kind = kind.find(headers, body, &json)?.filter(|kind| is_type(kind));
        let kind =
            kind.ok_or_else(|| odd("its type is missing, or not up to 255 letters, digits, `.`, `_` and `-`"))?;
        Ok(Event::new(id, kind))
    }
}

impl Encoding {
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }
}

impl Part {
    fn bytes<'p>(&'p self, body: &'p [u8], time: Option<&'p str>, id: &'p str) -> &'p [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Body => body,
            Self::Time => time.unwrap_or_default().as_bytes(),
            Self::Id => id.as_bytes(),
        }
    }
}

/// Returns the key that a secret of the settings means.
fn key(definition: &Definition, text: &str) -> Option<Vec<u8>> {
    match definition.secret {
        None => Some(text.as_bytes().to_vec()),
        Some(encoding) => encoding.decode(text),
    }
}

fn seconds(time: &str) -> Option<i64> {
    let digits = (1..=TIME_DIGITS_MAX).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    let time: i64 = time.parse().ok().filter(|_| digits)?;
    Some(if time >= MILLISECONDS_FROM { time / 1000 } else { time })
}
