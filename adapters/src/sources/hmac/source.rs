//! Senders with an HMAC as a source: their descriptions, secrets and routes are lists in the settings.

use std::sync::Arc;

use apiary_settings::{Kind, Setting, Values};
use secrecy::{ExposeSecret as _, SecretString};

use super::definition::Definition;
use super::endpoint::HmacEndpoint;
use crate::{Endpoint, Source, StartError, USED_BY};

/// Senders of one adapter.
const SENDERS_MAX: usize = 32;

pub(super) const SECRETS_KEY: &str = "webhook.hmac_secrets";
const SENDERS: Setting = Setting::new(
    "webhook.hmac_senders",
    Kind::List,
    USED_BY,
    "senders that sign with an HMAC, each as `NAME header=… id=… type=… …` (docs/webhooks.md); posted to /webhooks/NAME",
);
const SECRETS: Setting = Setting::new(
    SECRETS_KEY,
    Kind::List,
    USED_BY,
    "their secrets, each as `NAME=SECRET`; several of one name while one replaces another",
)
.secret();
const ROUTES: Setting = Setting::new(
    "webhook.hmac_routes",
    Kind::List,
    USED_BY,
    "where their events go, as lines of `NAME/PATTERN = EXECUTOR_TYPE/FUNCTION`",
);

/// Senders that sign with an HMAC in a header.
pub struct Hmac;

impl Source for Hmac {
    fn name(&self) -> &'static str {
        "hmac"
    }

    fn about(&self) -> &'static str {
        "Events of any sender that signs with an HMAC in a header, described by settings"
    }

    fn settings(&self) -> &'static [Setting] {
        &[SENDERS, SECRETS, ROUTES]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn routes(&self) -> &'static Setting {
        &ROUTES
    }

    fn advice(&self) -> &'static str {
        "set APIARY_WEBHOOK_HMAC_SENDERS to a description of the sender, and APIARY_WEBHOOK_HMAC_SECRETS to NAME=SECRET"
    }

    fn paths(&self) -> String {
        crate::webhook_path("NAME")
    }

    fn has_names(&self) -> bool {
        true
    }

    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError> {
        let definitions = definitions(settings.list(&SENDERS))?;
        let secrets = secrets(&settings.secrets(&SECRETS), &definitions)?;
        let with_secrets = |definition: Definition| -> Arc<dyn Endpoint> {
            let own = secrets.iter().filter(|(name, _)| *name == definition.name).map(|(_, secret)| secret.clone());
            Arc::new(HmacEndpoint { secrets: own.collect(), definition })
        };
        Ok(definitions.iter().cloned().map(with_secrets).collect())
    }
}

fn definitions(texts: &[String]) -> Result<Vec<Definition>, StartError> {
    let mut definitions: Vec<Definition> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let at = |problem: String| {
            StartError::setting(SENDERS.key, format!("has an invalid entry {}: it {problem}", index + 1))
        };
        let definition = Definition::read(text).map_err(at)?;
        if definitions.iter().any(|known| known.name == definition.name) {
            return Err(at(format!("is a second `{}`: each name is one sender", definition.name)));
        }
        definitions.push(definition);
    }
    match definitions.len() {
        0 => {
            Err(StartError::setting(SENDERS.key, format!("describes each sender that `{SECRETS_KEY}` has secrets of")))
        }
        count if count > SENDERS_MAX => {
            Err(StartError::setting(SENDERS.key, format!("has {count} senders, the most is {SENDERS_MAX}")))
        }
        _ => Ok(definitions),
    }
}

/// Reads `NAME=SECRET`. The error never shows one.
fn secrets(texts: &[SecretString], definitions: &[Definition]) -> Result<Vec<(String, SecretString)>, StartError> {
    let read = |(index, text): (usize, &SecretString)| {
        let wrong = || {
            let words = "it is not `NAME=SECRET` with the name of a sender";
            StartError::setting(SECRETS_KEY, format!("has an invalid entry {}: {words}", index + 1))
        };
        let (name, secret) = text.expose_secret().split_once('=').ok_or_else(wrong)?;
        let name = name.trim();
        let is_known = definitions.iter().any(|definition| definition.name == name);
        is_known.then(|| (name.to_owned(), SecretString::from(secret.trim()))).ok_or_else(wrong)
    };
    texts.iter().enumerate().map(read).collect()
}
