//! Posts webhooks as Stripe does: JSON over HTTP, signed with the endpoint's secret.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiary_identity::Clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::Sha256;

/// Time limit for one post.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client for one webhook endpoint.
pub(crate) struct Poster {
    http: reqwest::Client,
    url: String,
    clock: Arc<dyn Clock>,
    /// Number of posts.
    pub(super) posted: usize,
    /// Number of posts answered 4xx.
    pub(super) refused: usize,
    /// Number of posts answered with an existing process.
    pub(super) duplicates: usize,
}

/// The answer to a post.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body; null if it is not JSON.
    pub(crate) body: Value,
}

impl Poster {
    /// Creates a client for `url`, with the times of `clock`.
    pub(crate) fn new(url: String, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT);
        // A proxy from the environment is for other hosts, not for this machine.
        let http = if is_here(&url) { http.no_proxy() } else { http };
        let http = http.build().context("an HTTP client")?;
        Ok(Self { http, url, clock, posted: 0, refused: 0, duplicates: 0 })
    }

    /// Posts a body, signed with `secret`.
    pub(crate) async fn post(&mut self, body: &str, secret: &SecretString) -> anyhow::Result<Answer> {
        let signature = signature(secret, body, self.clock.now().as_second())?;
        let request =
            self.http.post(&self.url).header("content-type", "application/json").header("stripe-signature", signature);
        self.posted += 1;
        let answer = request.body(body.to_owned()).send().await.context("posting a webhook")?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        self.refused += usize::from(status.is_client_error());
        self.duplicates += usize::from(body["existed"] == true);
        Ok(Answer { status: status.as_u16(), body })
    }
}

/// Returns true if a URL names this machine.
fn is_here(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Builds the `Stripe-Signature` header: HMAC-SHA256 over `<time>.<body>` (docs.stripe.com/webhooks).
fn signature(secret: &SecretString, body: &str, unix_seconds: i64) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())?;
    mac.update(format!("{unix_seconds}.{body}").as_bytes());
    Ok(format!("t={unix_seconds},v1={}", hex::encode(mac.finalize().into_bytes())))
}
