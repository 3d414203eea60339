//! Posts webhooks as Stripe does: JSON over HTTP, signed with the endpoint's secret.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiary_identity::Clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// How long one post may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Posts to one endpoint.
pub(super) struct Poster {
    http: reqwest::Client,
    url: String,
    clock: Arc<dyn Clock>,
    /// How many posts were sent.
    pub(super) posted: usize,
    /// How many of them were answered 4xx.
    pub(super) refused: usize,
}

impl Poster {
    /// Posts to `url`, at the times that `clock` shows.
    pub(super) fn new(url: String, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        // A proxy in the environment is for the world outside, not for this machine.
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("an HTTP client")?;
        Ok(Self { http, url, clock, posted: 0, refused: 0 })
    }

    /// Posts a body, signed with `secret`; returns the HTTP status.
    pub(super) async fn post(&mut self, body: &str, secret: &SecretString) -> anyhow::Result<u16> {
        let signature = signature(secret, body, self.clock.now().as_second())?;
        let request =
            self.http.post(&self.url).header("content-type", "application/json").header("stripe-signature", signature);
        self.posted += 1;
        let answer = request.body(body.to_owned()).send().await.context("posting a webhook")?;
        let status = answer.status();
        self.refused += usize::from(status.is_client_error());
        Ok(status.as_u16())
    }
}

/// The `Stripe-Signature` header: HMAC-SHA256 over `<time>.<body>` (docs.stripe.com/webhooks).
fn signature(secret: &SecretString, body: &str, unix_seconds: i64) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())?;
    mac.update(format!("{unix_seconds}.{body}").as_bytes());
    Ok(format!("t={unix_seconds},v1={}", hex::encode(mac.finalize().into_bytes())))
}
