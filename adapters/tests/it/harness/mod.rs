//! Harness of the adapter's tests.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test that wants it")]

mod broker;
mod eventually;
mod http;
mod stripe;

use std::path::Path;
use std::sync::Arc;

use apiary_adapters::{StripeConfig, Webhook, WebhookConfig};
use apiary_identity::SystemClock;

pub(crate) use broker::Broker;
pub(crate) use eventually::eventually;
pub(crate) use http::{get, read_answer, request};
pub(crate) use stripe::{SECRET, event, event_of, post, signature};

/// Settings for an adapter on a free port, with its spool in `folder`.
pub(crate) fn config(folder: &Path) -> WebhookConfig {
    let stripe = StripeConfig::new(vec![SECRET.into()]);
    WebhookConfig::new("127.0.0.1:0".parse().unwrap(), stripe, folder.join("spool"))
}

/// Starts an adapter in front of this broker.
pub(crate) async fn start(config: WebhookConfig, broker: &Arc<Broker>) -> Webhook {
    Webhook::start(config, broker.clone(), Arc::new(SystemClock)).await.unwrap()
}
