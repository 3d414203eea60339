//! Sends calls to Stripe's API.

use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use tokio::time::Instant;

use super::answer;
use super::error::StripeError;
use super::key::StripeKey;
use super::kind::Kind;
use super::pace::Pace;
use crate::finance::http::{self, NoAnswer};
use crate::finance::stripe::repaired;
use crate::outbound::{Outbound, Retries};

/// Version of Stripe's API in which objects are read, whatever the account's default.
pub const API_VERSION: &str = "2025-09-30.clover";
/// Default time limit for one answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the longest answer that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");

/// Access to Stripe's API.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// Base URL, `https://api.stripe.com`.
    pub url: String,
    /// The key.
    pub key: StripeKey,
    /// Calls a second.
    pub rate: u32,
    /// Retries of a call.
    pub retries: Retries,
    /// Time limit for one answer.
    pub timeout: Duration,
}

/// A client of Stripe's API with one key.
pub struct StripeApi {
    http: Client,
    base: Url,
    key: StripeKey,
    pace: Pace,
    outbound: Outbound<StripeError>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// An answer, and the time as of which it is true.
pub(super) struct Answer {
    pub(super) body: Value,
    /// A second by Stripe's clock, at which the call had not begun: every change up to then is in the answer.
    pub(super) as_of_s: i64,
}

/// A path of the API.
pub(super) struct Call<'a> {
    pub(super) segments: Vec<&'a str>,
    /// The kind of object, if it is one that the finance bee keeps.
    pub(super) kind: Option<Kind>,
    /// The connected account to read, `acct_…`; the key's own if absent.
    pub(super) account: Option<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
}

impl<'a> Call<'a> {
    /// Names the list of a kind, or one of its objects.
    pub(super) fn of(kind: Kind, id: Option<&'a str>) -> Self {
        let segments = std::iter::once(kind.path()).chain(id).collect();
        Self { segments, kind: Some(kind), account: None, query: Vec::new() }
    }

    /// Returns the path, for errors.
    pub(super) fn path(&self) -> String {
        format!("/v1/{}", self.segments.join("/"))
    }

    /// Returns the words for the object, for errors.
    pub(super) fn object(&self) -> String {
        match (self.kind, &self.segments[..]) {
            (Some(kind), [_, id]) => format!("{} `{id}`", kind.object()),
            _ => self.path(),
        }
    }
}

impl StripeApi {
    /// Creates a client. Connects at the first call.
    ///
    /// # Errors
    ///
    /// [`StripeError::Setting`] for an invalid URL.
    pub fn new(config: StripeConfig, clock: Arc<dyn Clock>) -> Result<Self, StripeError> {
        let StripeConfig { url, key, rate, retries, timeout } = config;
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, key.header()?),
            (VERSION, HeaderValue::from_static(API_VERSION)),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let http = http::client(headers).map_err(StripeError::Setting)?;
        let (pace, outbound) = (Pace::new(rate), Outbound::new(retries));
        Ok(Self { http, base: base(&url)?, key, pace, outbound, timeout, clock })
    }

    /// Returns the key.
    pub fn key(&self) -> &StripeKey {
        &self.key
    }

    /// Makes a call, which is repeated as [`Outbound`] says.
    pub(super) async fn get(&self, call: &Call<'_>) -> Result<Answer, StripeError> {
        let request = self.request(call)?;
        self.outbound
            .call(|| async {
                self.pace.turn().await;
                // A GET without a body can always be cloned.
                let request = request.try_clone().ok_or_else(|| StripeError::Answer("no request".to_owned()))?;
                self.send(request, call).await
            })
            .await
    }

    fn request(&self, call: &Call<'_>) -> Result<RequestBuilder, StripeError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| StripeError::Setting("`finance.stripe_api_url` has no path".to_owned()))?
            .pop_if_empty()
            .push("v1")
            .extend(&call.segments);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let request = self.http.get(url);
        let Some(account) = call.account else { return Ok(request) };
        let is_id = account.starts_with("acct_") && account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_id {
            return Err(StripeError::Setting("the account is no id of Stripe's: give it as acct_…".to_owned()));
        }
        Ok(request.header(ACCOUNT, account))
    }

    async fn send(&self, request: RequestBuilder, call: &Call<'_>) -> Result<Answer, StripeError> {
        let start = Instant::now();
        let response = http::send(request, self.timeout).await.map_err(unavailable)?;
        let (status, now) = (response.status(), self.clock.now());
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map_or(now, |date| date.timestamp());
        let took_s = i64::try_from(start.elapsed().as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        let wait = http::retry_after(response.headers(), now);
        let body = http::read(response, ANSWER_BYTES_MAX, self.timeout).await.map_err(unavailable)?;
        if !status.is_success() {
            return Err(answer::error(status, wait, &body, call, &self.key));
        }
        let text = std::str::from_utf8(&body).map_err(|error| StripeError::Answer(error.to_string()))?;
        let body = serde_json::from_str(&repaired(text)).map_err(|error| StripeError::Answer(error.to_string()))?;
        Ok(Answer { body, as_of_s: date.as_second().saturating_sub(took_s) })
    }
}

fn unavailable(error: NoAnswer) -> StripeError {
    match error {
        NoAnswer::Unavailable(what) => StripeError::unavailable(what),
        NoAnswer::TooLarge(bytes_max) => StripeError::TooLarge(bytes_max),
    }
}

/// Reads the base URL.
fn base(url: &str) -> Result<Url, StripeError> {
    let setting = |what: &str| {
        StripeError::Setting(format!(
            "`finance.stripe_api_url` {what}: leave it out, or set it to https://api.stripe.com"
        ))
    };
    let base = http::server(url).map_err(|what| setting(&what))?;
    if base.query().is_some() || base.fragment().is_some() || base.path().trim_matches('/') == "v1" {
        return Err(setting("has more than the server's address"));
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_encryption() {
        for url in ["https://api.stripe.com", "https://api.stripe.com/", "http://127.0.0.1:7", " http://localhost:7/x "]
        {
            assert!(base(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "x",
            "http://api.stripe.com",
            "ftp://a",
            "https://u:hunter2@a",
            "https://a/v1",
            "https://a/?key=hunter2",
        ] {
            let text = base(url).unwrap_err().to_string();
            assert!(text.contains("finance.stripe_api_url") && text.contains("https://api.stripe.com"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
