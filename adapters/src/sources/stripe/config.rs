//! Settings of Stripe's webhooks.

use std::collections::BTreeSet;
use std::time::Duration;

use apiary_identity::limits::PRIORITY_MAX;
use secrecy::{ExposeSecret as _, SecretString};

use super::event::is_type;
use crate::StartError;

/// Types of events that the finance bee handles.
pub const HANDLED_TYPES: [&str; 20] = [
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.created",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.voided",
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
    /// Types of events to submit; others are answered 2xx and ignored.
    pub handled_types: BTreeSet<String>,
    /// Priority of the processes. Above normal, because payments should not wait.
    pub priority: i32,
}

impl StripeConfig {
    /// Returns the defaults for all other settings.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self {
            secrets,
            tolerance: Duration::from_secs(300),
            handled_types: HANDLED_TYPES.map(str::to_owned).into(),
            priority: 8,
        }
    }

    pub(super) fn check_all(&self) -> Result<(), StartError> {
        self.check_secrets()?;
        if self.tolerance < Duration::from_secs(1) || self.tolerance > TOLERANCE_MAX {
            return Err(StartError::setting(
                "webhook.stripe_tolerance_seconds",
                "is 1 s to 3600 s; Stripe's own default is 300 s",
            ));
        }
        if let Some(kind) = self.handled_types.iter().find(|kind| !is_type(kind)) {
            return Err(StartError::setting(
                "stripe.handled_types",
                format!("holds {kind:?}, which is not a type of Stripe's events, such as `invoice.paid`"),
            ));
        }
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&self.priority) {
            return Err(StartError::setting("stripe.priority", format!("is −{PRIORITY_MAX} to {PRIORITY_MAX}")));
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
