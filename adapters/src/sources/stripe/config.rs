//! Settings of Stripe's webhooks.

use std::time::Duration;

use secrecy::SecretString;

use crate::StartError;
use crate::signing::{SECRET_BYTES_MIN, check_secrets};

/// Target of the types below: the finance bee, above normal priority, because payments should not wait.
pub(super) const TARGET: &str = "finance/stripe.event priority=8";
/// Patterns of the types of events that the finance bee handles: everything about the objects that the state of record keeps. The lines of
/// `webhook.stripe_routes` stand above them. Thin events about these objects have the same types behind [`THIN`].
pub(super) const HANDLED_TYPES: &[&str] = &[
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

const TOLERANCE_MAX: Duration = Duration::from_secs(3600);

/// Beginning of the types of thin events about objects of API v1.
pub(super) const THIN: &str = "v1.";

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
        let wanted = "signing secrets: the Stripe dashboard shows each endpoint's (`whsec_…`)";
        // Only signing secrets are accepted: an API key in this place must be noticed.
        let form = "a signing secret is `whsec_` and 16 or more characters, as Stripe shows it; an API key (`sk_…`, \
                    `rk_…`) is not one";
        check_secrets("webhook.stripe_secrets", &self.secrets, wanted, form, |text| {
            text.strip_prefix("whsec_").is_some_and(|rest| rest.len() >= SECRET_BYTES_MIN && !rest.contains(' '))
        })?;
        if self.tolerance < Duration::from_secs(1) || self.tolerance > TOLERANCE_MAX {
            return Err(StartError::setting(
                "webhook.stripe_tolerance_seconds",
                "is 1 s to 3600 s; Stripe's own default is 300 s",
            ));
        }
        Ok(())
    }
}
