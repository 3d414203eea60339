//! The event log's door as a source. It takes a bearer token and no signature: those who post are one's own programs,
//! scripts and tools, for which a header with a token is all that every HTTP client can do.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use apiary_settings::{Kind, Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::catalogue::Catalogue;
use super::event;
use crate::signing::{Algorithm, check_secrets, header};
use crate::{Endpoint, Event, Refusal, Source, StartError, USED_BY};

const HEADER: Cow<'static, str> = Cow::Borrowed("Authorization");
const PATH: &str = "/events/log";
const NAME: &str = "eventlog";
/// Characters of a token, so that nobody guesses it.
const TOKEN_CHARS_MIN: usize = 20;

const SECRETS: Setting = Setting::new(
    "webhook.eventlog_secrets",
    Kind::List,
    USED_BY,
    "bearer tokens of programs that post events to /events/log, each of 20 or more characters",
)
.secret();
const SCHEMAS: Setting = Setting::new(
    "webhook.eventlog_schemas",
    Kind::Path,
    USED_BY,
    "folder with a JSON Schema for the data of each type, as TYPE.json; types without one are rejected then",
);
const ROUTES: Setting = Setting::new(
    "webhook.eventlog_routes",
    Kind::List,
    USED_BY,
    "where these events go, as lines of `PATTERN = EXECUTOR_TYPE/FUNCTION`",
);

/// The event log's door.
pub struct EventLog;

impl Source for EventLog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Events of your own programs, each checked against the schema of its type"
    }

    fn settings(&self) -> &'static [Setting] {
        &[SECRETS, SCHEMAS, ROUTES]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn routes(&self) -> &'static Setting {
        &ROUTES
    }

    fn advice(&self) -> &'static str {
        "set APIARY_WEBHOOK_EVENTLOG_SECRETS to a token of your own making, such as that of `openssl rand -hex 32`"
    }

    fn paths(&self) -> String {
        PATH.to_owned()
    }

    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError> {
        let read =
            |folder: PathBuf| Catalogue::read(&folder).map_err(|problem| StartError::setting(SCHEMAS.key, problem));
        let catalogue = settings.path(&SCHEMAS).map(read).transpose()?;
        Ok(vec![Arc::new(EventLogEndpoint { tokens: settings.secrets(&SECRETS), catalogue })])
    }
}

#[derive(Debug)]
pub(super) struct EventLogEndpoint {
    pub(super) tokens: Vec<SecretString>,
    pub(super) catalogue: Option<Catalogue>,
}

impl Endpoint for EventLogEndpoint {
    fn name(&self) -> &str {
        NAME
    }

    fn path(&self) -> String {
        PATH.to_owned()
    }

    fn check(&self) -> Result<(), StartError> {
        let form = "a token has 20 to 256 visible characters and no space";
        check_secrets(SECRETS.key, &self.tokens, "bearer tokens", form, |text| {
            text.len() >= TOKEN_CHARS_MIN && !text.contains(' ')
        })
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], _: Timestamp) -> Result<Vec<Event>, Refusal> {
        let text = header(headers, HEADER)?;
        let token = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => return Err(Refusal::SignatureMalformed { header: HEADER, problem: "is not `Bearer` and a token" }),
        };
        if !self.tokens.iter().any(|own| is_same(own.expose_secret(), token)) {
            return Err(Refusal::TokenWrong);
        }
        event::read(body, self.catalogue.as_ref())
    }
}

/// Compares two tokens in a time that tells nothing about them: an HMAC of one is checked against the other.
fn is_same(own: &str, token: &str) -> bool {
    let key = Sha256::digest(own.as_bytes());
    let code = hmac_of(&key, token);
    Algorithm::Sha256.made_one_of(&key, &[own.as_bytes()], [code])
}

fn hmac_of(key: &[u8], text: &str) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let hmac = hmac::Hmac::<Sha256>::new_from_slice(key);
    hmac.map(|hmac| hmac.chain_update(text.as_bytes()).finalize().into_bytes().to_vec()).unwrap_or_default()
}
