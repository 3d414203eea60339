//! Settings of Stripe's webhooks.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::StartError;

/// Target of the types below: the finance bee, above normal priority, because payments should not wait.
pub(super) const TARGET: &str = "finance/stripe.event priority=8";
/// Patterns of the types of events that the finance bee handles: everything about the objects that the state of record keeps. The lines of
/// `webhook.stripe_routes` stand above them.
pub const HANDLED_TYPES: &[&str] = &[
    "charge.*",
    "checkout.session.*",
    "customer.created",
    "customer.deleted",
    "customer.subscription.*",
    "customer.updated",
    "invoice.*",
    "payment_intent.*",
    "refund.*",
    "subscription_schedule.*",
];

/// Most signing secrets. An endpoint has one, or two while it is rolled; live, test and Connect endpoints may share an
/// adapter.
const SECRETS_MAX: usize = 8;
const SECRET_CHARS_MAX: usize = 256;
const TOLERANCE_MAX: Duration = Duration::from_secs(3600);

/// Settings of Stripe's webhooks.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// Signing secrets of the endpoints (`whsec_…`), at least one: several while one is rolled, or for several
    /// endpoints.
    pub secrets: Vec<SecretString>,
    /// Largest difference between a signature's time and this machine's clock, before or after. Stripe's own default is
    /// 300 s.
    pub tolerance: Duration,
}

impl StripeConfig {
    /// Returns the defaults for all other settings.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets, tolerance: Duration::from_secs(300) }
    }

    pub(super) fn check_all(&self) -> Result<(), StartError> {
        self.check_secrets()?;
        if self.tolerance < Duration::from_secs(1) || self.tolerance > TOLERANCE_MAX {
            return Err(StartError::setting(
                "webhook.stripe_tolerance_seconds",
                "is 1 s to 3600 s; Stripe's own default is 300 s",
            ));
        }
        Ok(())
    }

    fn check_secrets(&self) -> Result<(), StartError> {
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            return Err(StartError::setting(
                "webhook.stripe_secrets",
                format!(
                    "has 1 to {SECRETS_MAX} signing secrets: the Stripe dashboard shows each endpoint's (`whsec_…`)"
                ),
            ));
        }
        // Only signing secrets are accepted: an API key in this place must be noticed. The error never shows the text.
        let sound = |secret: &SecretString| {
            let text = secret.expose_secret();
            text.len() <= SECRET_CHARS_MAX
                && text.strip_prefix("whsec_").is_some_and(|rest| !rest.is_empty())
                && text.chars().all(|c| c.is_ascii_graphic())
        };
        match self.secrets.iter().position(|secret| !sound(secret)) {
            None => Ok(()),
            Some(index) => Err(StartError::setting(
                "webhook.stripe_secrets",
                format!(
                    "has an invalid entry {}: a signing secret starts with `whsec_`; an API key (`sk_…`, `rk_…`) is \
                     not one",
                    index + 1
                ),
            )),
        }
    }
}
