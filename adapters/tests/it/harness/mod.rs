//! Harness of the adapter's tests.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test that wants it")]

mod broker;
mod http;
mod stripe;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{StartError, Webhook, WebhookConfig};
use apiary_daemon::{Notices, Supervisor};
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

/// A running adapter with the supervisor of its tasks.
pub(crate) struct Adapter {
    webhook: Webhook,
    pub(crate) supervisor: Supervisor,
}

impl Adapter {
    pub(crate) fn notices(&self) -> &Notices {
        self.supervisor.notices()
    }

    pub(crate) async fn stop(self) {
        self.webhook.stop().await;
    }
}

impl Deref for Adapter {
    type Target = Webhook;

    fn deref(&self) -> &Webhook {
        &self.webhook
    }
}

/// Starts an adapter in front of this broker.
pub(crate) async fn start(config: WebhookConfig, broker: &Arc<Broker>) -> Adapter {
    try_start(config, broker).await.unwrap()
}

/// Starts an adapter, or returns the problem.
pub(crate) async fn try_start(config: WebhookConfig, broker: &Arc<Broker>) -> Result<Adapter, StartError> {
    let clock = Arc::new(SystemClock);
    let supervisor = Supervisor::new(clock.clone());
    let webhook = Webhook::start(config, broker.clone(), &supervisor, clock).await?;
    Ok(Adapter { webhook, supervisor })
}
