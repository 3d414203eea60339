//! Harness of the adapter's tests.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test that wants it")]

mod broker;
mod http;
mod stripe;

use std::path::Path;
use std::sync::Arc;

use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{Webhook, WebhookConfig};
use apiary_identity::SystemClock;

pub(crate) use broker::Broker;
pub(crate) use http::{get, read_answer, request};
pub(crate) use stripe::{SECRET, event, event_of, post, signature};

/// Settings for an adapter on a free port, with its spool in `folder`.
pub(crate) fn config(folder: &Path) -> WebhookConfig {
    config_of(folder, stripe_config())
}

/// The same, with other settings of Stripe.
pub(crate) fn config_of(folder: &Path, stripe: StripeConfig) -> WebhookConfig {
    WebhookConfig::new("127.0.0.1:0".parse().unwrap(), vec![Arc::new(stripe)], folder.join("spool"))
}

/// Stripe with the secret that the events of the tests are signed with.
pub(crate) fn stripe_config() -> StripeConfig {
    StripeConfig::new(vec![SECRET.into()])
}

/// Starts an adapter in front of this broker.
pub(crate) async fn start(config: WebhookConfig, broker: &Arc<Broker>) -> Webhook {
    Webhook::start(config, broker.clone(), Arc::new(SystemClock)).await.unwrap()
}
