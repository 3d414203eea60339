//! Stripe as a source of webhooks.

use std::sync::Arc;
use std::time::Duration;

use apiary_settings::{Kind, Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;

use super::config::{HANDLED_TYPES, StripeConfig, TARGET, THIN};
use super::{event, signature};
use crate::{Endpoint, Event, Receiver, Refusal, RouteTable, Source, StartError, USED_BY};

const SECRETS: Setting = Setting::new(
    "webhook.stripe_secrets",
    Kind::List,
    USED_BY,
    "the endpoint's signing secrets (whsec_…); several while one replaces another",
)
.secret()
.also(&["STRIPE_WEBHOOK_SECRET"]);
const TOLERANCE_SECONDS: Setting = Setting::new(
    "webhook.stripe_tolerance_seconds",
    Kind::Integer { least: 1, most: 3600 },
    USED_BY,
    "largest age of a signature",
)
.default("300");
const ROUTES: Setting = Setting::new(
    "webhook.stripe_routes",
    Kind::List,
    USED_BY,
    "where events go, as lines of `PATTERN = EXECUTOR_TYPE/FUNCTION`, above the built-in ones (docs/webhooks.md)",
);

/// Stripe as a source of webhooks.
pub struct Stripe;

impl Source for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn about(&self) -> &'static str {
        "Events of a Stripe account, and of the accounts connected to it"
    }

    fn settings(&self) -> &'static [Setting] {
        &[SECRETS, TOLERANCE_SECONDS, ROUTES]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn advice(&self) -> &'static str {
        "set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret, whsec_…, as Stripe's dashboard shows it"
    }

    fn trial_secret_prefix(&self) -> Option<&'static str> {
        Some("whsec_")
    }

    fn routes(&self) -> &'static Setting {
        &ROUTES
    }

    fn own_routes(&self) -> Vec<String> {
        let lines = |before| HANDLED_TYPES.iter().map(move |pattern| format!("{before}{pattern} = {TARGET}"));
        lines("").chain(lines(THIN)).collect()
    }

    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError> {
        let mut config = StripeConfig::new(settings.secrets(&SECRETS));
        config.tolerance = Duration::from_secs(settings.integer(&TOLERANCE_SECONDS));
        Ok(vec![Arc::new(config)])
    }
}

impl StripeConfig {
    /// Makes a receiver with the built-in routes, and these lines above them.
    ///
    /// # Errors
    ///
    /// Names the line that cannot be used.
    pub fn receiver(self, lines: &[&str]) -> Result<Receiver, StartError> {
        let lines = lines.iter().enumerate().map(|(index, text)| (index + 1, *text));
        let routes = RouteTable::read(Stripe.name(), ROUTES.key, lines, &Stripe.own_routes())?;
        Ok(Receiver { endpoint: Arc::new(self), routes })
    }
}

impl Endpoint for StripeConfig {
    fn name(&self) -> &str {
        Stripe.name()
    }

    fn check(&self) -> Result<(), StartError> {
        self.check_all()
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Event>, Refusal> {
        signature::verify(headers, body, &self.secrets, self.tolerance, now)?;
        Ok(vec![event::read(body)?])
    }
}
