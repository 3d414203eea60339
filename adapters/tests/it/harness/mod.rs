//! Harness of the adapter's tests.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test that wants it")]

mod broker;
mod http;
mod stripe;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use apiary_adapters::sources::ALL;
use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{Receiver, StartError, Webhook, WebhookConfig};
use apiary_daemon::{Notices, Supervisor};
use apiary_identity::SystemClock;
use apiary_settings::{Kind, Origin, Value, Values};

pub(crate) use broker::Broker;
pub(crate) use http::{get, read_answer, request};
pub(crate) use stripe::{SECRET, event, event_of, post, signature};

/// Settings for an adapter on a free port, with its spool in `folder`.
pub(crate) fn config(folder: &Path) -> WebhookConfig {
    config_of(folder, stripe_config())
}

/// The same, with other settings of Stripe.
pub(crate) fn config_of(folder: &Path, stripe: StripeConfig) -> WebhookConfig {
    WebhookConfig::new("127.0.0.1:0".parse().unwrap(), vec![stripe.receiver(&[]).unwrap()], folder.join("spool"))
}

/// Settings for an adapter with these sources, from the values of their settings.
pub(crate) fn config_with(folder: &Path, values: &[(&str, &[&str])]) -> Result<WebhookConfig, StartError> {
    let mut settings = Values::default();
    for source in ALL {
        for setting in source.settings() {
            let found = values.iter().find(|(key, _)| *key == setting.key);
            let value = match (found, setting.default) {
                (Some((_, [text])), _) if !matches!(setting.kind, Kind::List) => setting.kind.read(text).unwrap(),
                (Some((_, texts)), _) => Value::List(texts.iter().map(|text| (*text).to_owned()).collect()),
                (None, Some(default)) => setting.kind.read(default).unwrap(),
                (None, None) => continue,
            };
            settings.put(setting, value, Origin::Flag("--set".to_owned()));
        }
    }
    let mut receivers = Vec::new();
    for source in ALL.iter().filter(|source| settings.is_set(source.secrets())) {
        receivers.extend(Receiver::open(*source, &settings)?);
    }
    Ok(WebhookConfig::new("127.0.0.1:0".parse().unwrap(), receivers, folder.join("spool")))
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
