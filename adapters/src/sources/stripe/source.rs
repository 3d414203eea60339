//! Stripe as a source of webhooks.

use std::sync::Arc;
use std::time::Duration;

use apiary_settings::{Kind, Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;

use super::config::StripeConfig;
use super::{event, signature};
use crate::source::{Endpoint, Event, Route, Source};
use crate::{Refusal, StartError, USED_BY};

/// Executor type for Stripe's events.
const EXECUTOR_TYPE: &str = "finance";
/// Function for Stripe's events. Its arguments are the webhook's body, byte for byte.
const FUNCTION: &str = "stripe.event";

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
        &[SECRETS, TOLERANCE_SECONDS]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn advice(&self) -> &'static str {
        "set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret, whsec_…"
    }

    fn trial_secret_prefix(&self) -> Option<&'static str> {
        Some("whsec_")
    }

    fn executor_type(&self) -> &'static str {
        EXECUTOR_TYPE
    }

    fn function(&self) -> &'static str {
        FUNCTION
    }

    fn open(&self, settings: &Values) -> Arc<dyn Endpoint> {
        let mut config = StripeConfig::new(settings.secrets(&SECRETS));
        config.tolerance = Duration::from_secs(settings.integer(&TOLERANCE_SECONDS));
        Arc::new(config)
    }
}

impl Endpoint for StripeConfig {
    fn name(&self) -> &'static str {
        Stripe.name()
    }

    fn check(&self) -> Result<(), StartError> {
        self.check_all()
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Refusal> {
        signature::verify(headers, body, &self.secrets, self.tolerance, now)?;
        event::read(body)
    }

    fn route(&self, event: &Event) -> Option<Route> {
        let is_handled = self.handled_types.contains(&event.kind);
        is_handled.then(|| Route { priority: self.priority, ..Route::new(EXECUTOR_TYPE, FUNCTION) })
    }
}
