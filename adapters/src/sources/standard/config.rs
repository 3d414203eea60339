//! Settings of Standard Webhooks, and the verification.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::key::Key;
use crate::event::{is_id, is_object, is_type};
use crate::signing::{check_age, check_secrets, header};
use crate::{Endpoint, Event, Refusal, StartError};

/// Headers of the specification: id, time and signatures.
const HEADERS: [Cow<'static, str>; 3] =
    [Cow::Borrowed("webhook-id"), Cow::Borrowed("webhook-timestamp"), Cow::Borrowed("webhook-signature")];
/// The same in Svix, from which the specification came.
const SVIX_HEADERS: [Cow<'static, str>; 3] =
    [Cow::Borrowed("svix-id"), Cow::Borrowed("svix-timestamp"), Cow::Borrowed("svix-signature")];
/// Type of events whose body names none. The specification recommends the field, and does not demand it.
const UNTYPED: &str = "untyped";
/// Most digits of the time; ten suffice until the year 2286.
const TIME_DIGITS_MAX: usize = 12;
const TOLERANCE_MAX: Duration = Duration::from_secs(3600);

pub(super) const SECRETS_KEY: &str = "webhook.standard_secrets";
pub(super) const TOLERANCE_KEY: &str = "webhook.standard_tolerance_seconds";

/// Settings of Standard Webhooks.
#[derive(Clone, Debug)]
pub struct StandardConfig {
    /// Secrets `whsec_…` and public keys `whpk_…`, at least one: several while one is rolled, or for several senders.
    pub secrets: Vec<SecretString>,
    /// Largest difference between a signature's time and this machine's clock, before or after.
    pub tolerance: Duration,
}

impl StandardConfig {
    /// Returns the defaults for all other settings.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets, tolerance: Duration::from_secs(300) }
    }
}

impl Endpoint for StandardConfig {
    fn name(&self) -> &str {
        super::source::NAME
    }

    fn check(&self) -> Result<(), StartError> {
        if self.tolerance < Duration::from_secs(1) || self.tolerance > TOLERANCE_MAX {
            return Err(StartError::setting(TOLERANCE_KEY, "is 1 s to 3600 s"));
        }
        let wanted = "secrets (`whsec_…`) or public keys (`whpk_…`) of the senders";
        let form = "it is `whsec_` and base64 of 24 to 128 bytes, or `whpk_` and base64 of an Ed25519 public key";
        check_secrets(SECRETS_KEY, &self.secrets, wanted, form, |text| Key::read(&text.into()).is_some())
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let is_svix = !headers.contains_key(HEADERS[0].as_ref()) && headers.contains_key(SVIX_HEADERS[0].as_ref());
        let [id_name, time_name, signatures_name] = if is_svix { &SVIX_HEADERS } else { &HEADERS };
        let (id, time) = (header(headers, id_name.clone())?, header(headers, time_name.clone())?);
        let signatures = header(headers, signatures_name.clone())?;
        let malformed =
            |header: &Cow<'static, str>, problem| Refusal::SignatureMalformed { header: header.clone(), problem };
        if !is_id(id) {
            return Err(malformed(id_name, "is not an id of up to 255 letters, digits, `.`, `_` and `-`"));
        }
        let time_s = seconds(time).ok_or_else(|| malformed(time_name, "is not a number of seconds"))?;
        let signatures = || signatures.split(' ').filter_map(|text| text.split_once(','));
        if !signatures().any(|(scheme, _)| matches!(scheme, "v1" | "v1a")) {
            let problem = "holds no signature of scheme v1 or v1a (`v1,<base64>`), the only accepted schemes";
            return Err(malformed(signatures_name, problem));
        }
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let keys = self.secrets.iter().filter_map(Key::read);
        if !keys.into_iter().any(|key| key.made_one(&parts, signatures())) {
            return Err(Refusal::SignatureWrong);
        }
        check_age(time_s, now, self.tolerance)?;
        Ok(vec![Event::new(id, kind(body)?)])
    }
}

fn seconds(time: &str) -> Option<i64> {
    let digits = (1..=TIME_DIGITS_MAX).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
    time.parse().ok().filter(|_| digits)
}

/// Reads the type of a body with a valid signature.
fn kind(body: &[u8]) -> Result<String, Refusal> {
    #[derive(serde::Deserialize)]
    struct Fields {
        #[serde(rename = "type", default)]
        kind: Value,
    }
    let odd = |problem: &str| Refusal::EventMalformed(format!("the body is not an event: {problem}"));
    let no_object = || odd("it is not a JSON object in UTF-8, with each field once");
    if !is_object(body) {
        return Err(no_object());
    }
    let fields: Fields = serde_json::from_slice(body).map_err(|_| no_object())?;
    match fields.kind {
        Value::Null => Ok(UNTYPED.to_owned()),
        Value::String(kind) if is_type(&kind) => Ok(kind),
        _ => Err(odd("`type` is not a type of event (up to 255 letters, digits, `.`, `_`, `-`, `[` and `]`)")),
    }
}
