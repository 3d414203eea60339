//! GitHub as a source of webhooks: `X-Hub-Signature-256` has the HMAC-SHA256 of the raw body, in hexadecimal.

use std::borrow::Cow;
use std::sync::Arc;

use apiary_settings::{Kind, Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::event;
use crate::signing::{Algorithm, SECRET_BYTES_MIN, check_secrets, header};
use crate::{Endpoint, Event, Refusal, Source, StartError, USED_BY};

const HEADER: Cow<'static, str> = Cow::Borrowed("X-Hub-Signature-256");
/// The text before the hexadecimal digits.
const PREFIX: &str = "sha256=";

const SECRETS: Setting = Setting::new(
    "webhook.github_secrets",
    Kind::List,
    USED_BY,
    "the secrets of GitHub's webhooks, as typed in there; several while one replaces another",
)
.secret()
.also(&["GITHUB_WEBHOOK_SECRET"]);
const ROUTES: Setting = Setting::new(
    "webhook.github_routes",
    Kind::List,
    USED_BY,
    "where events go, as lines of `PATTERN = EXECUTOR_TYPE/FUNCTION`; types are such as `push` and `issues.opened`",
);

/// GitHub as a source of webhooks.
pub struct GitHub;

impl Source for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn about(&self) -> &'static str {
        "Events of GitHub's repositories, organisations and apps"
    }

    fn settings(&self) -> &'static [Setting] {
        &[SECRETS, ROUTES]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn routes(&self) -> &'static Setting {
        &ROUTES
    }

    /// GitHub sends a ping to each new webhook, and shows whether it was answered.
    fn own_routes(&self) -> Vec<String> {
        vec!["ping = ignore".to_owned()]
    }

    fn advice(&self) -> &'static str {
        "set GITHUB_WEBHOOK_SECRET to the secret of the webhook at GitHub"
    }

    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError> {
        Ok(vec![Arc::new(GitHubEndpoint { secrets: settings.secrets(&SECRETS) })])
    }
}

/// GitHub with its secrets.
#[derive(Debug)]
pub(super) struct GitHubEndpoint {
    pub(super) secrets: Vec<SecretString>,
}

impl Endpoint for GitHubEndpoint {
    fn name(&self) -> &str {
        GitHub.name()
    }

    fn check(&self) -> Result<(), StartError> {
        let wanted = "secrets, the same as at GitHub";
        let form = "a secret has 16 to 256 visible characters, such as those of `openssl rand -hex 32`; GitHub asks for a \
                    random text of high entropy";
        check_secrets(SECRETS.key, &self.secrets, wanted, form, |text| text.trim().len() >= SECRET_BYTES_MIN)
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], _: Timestamp) -> Result<Vec<Event>, Refusal> {
        let text = header(headers, HEADER)?;
        let problem = "is not `sha256=` and 64 hexadecimal digits";
        let malformed = Refusal::SignatureMalformed { header: HEADER, problem };
        let mut code = [0; 32];
        let digits = text.strip_prefix(PREFIX).ok_or(malformed.clone())?;
        hex::decode_to_slice(digits, &mut code).map_err(|_| malformed)?;
        let is_signed =
            |secret: &SecretString| Algorithm::Sha256.made_one_of(secret.expose_secret().as_bytes(), &[body], [code]);
        if !self.secrets.iter().any(is_signed) {
            return Err(Refusal::SignatureWrong);
        }
        Ok(vec![event::read(headers, body)?])
    }
}
