//! A minimal PostgREST client: calls functions and reads rows.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use secrecy::SecretString;

use super::super::error::RecordError;
use super::super::limits::{ANSWER_BYTES_MAX, CONNECT_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT};
use super::{error, key};

/// A client of one PostgREST service, with the rights of one role.
pub(super) struct PostgrestClient {
    http: Client,
    base: Url,
    clock: Arc<dyn Clock>,
}

impl PostgrestClient {
    /// Creates a client of a Supabase project from its URL (`https://….supabase.co`).
    pub(super) fn new(url: &str, key: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, RecordError> {
        let base = rest_base(url)?;
        let mut headers: HeaderMap = key::headers(key)?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        install_crypto_provider();
        let http = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("apiary/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| RecordError::Setting(format!("the HTTP client cannot be made: {error}")))?;
        Ok(Self { http, base, clock })
    }

    /// Calls a function with named arguments: `POST /rest/v1/rpc/<function>`.
    pub(super) async fn rpc(&self, function: &str, arguments: &serde_json::Value) -> Result<Vec<u8>, RecordError> {
        let request = self.http.post(self.endpoint(&["rpc", function])?).json(arguments);
        self.send(request, WRITE_TIMEOUT).await
    }

    /// Reads rows: `GET /rest/v1/<table>?…`, with PostgREST's filters.
    pub(super) async fn select(&self, table: &str, filters: &[(&str, String)]) -> Result<Vec<u8>, RecordError> {
        let mut url = self.endpoint(&[table])?;
        url.query_pairs_mut().extend_pairs(filters);
        self.send(self.http.get(url), READ_TIMEOUT).await
    }

    fn endpoint(&self, segments: &[&str]) -> Result<Url, RecordError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| RecordError::Setting("SUPABASE_URL has no path".to_owned()))?
            .extend(segments);
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Vec<u8>, RecordError> {
        let response = request.timeout(timeout).send().await.map_err(|error| transport(error, timeout))?;
        let status = response.status();
        let retry_after = error::retry_after(response.headers(), self.clock.now());
        let body = read(response, timeout).await?;
        if status.is_success() { Ok(body) } else { Err(error::of(status, retry_after, &body)) }
    }
}

/// Reads the body, up to [`ANSWER_BYTES_MAX`], so that no answer exhausts the memory.
async fn read(mut response: Response, timeout: Duration) -> Result<Vec<u8>, RecordError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(error, timeout))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(RecordError::Answer(format!("more than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Converts an error without an answer. The text omits the URL, because its query or user part may hold a secret.
fn transport(error: reqwest::Error, timeout: Duration) -> RecordError {
    if error.is_timeout() && !error.is_connect() {
        return RecordError::unavailable(format!("no answer within {} s", timeout.as_secs()));
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    RecordError::unavailable(text)
}

/// Returns the URL of the REST API, from the project's URL or from the API's own.
fn rest_base(url: &str) -> Result<Url, RecordError> {
    let setting = |what: &str| {
        RecordError::Setting(format!("SUPABASE_URL {what}: set it to the project's URL, https://<project>.supabase.co"))
    };
    let mut base = Url::parse(url.trim()).map_err(|error| setting(&format!("is no URL ({error})")))?;
    if !base.username().is_empty() || base.password().is_some() {
        return Err(setting("holds a user or password, which do not belong there"));
    }
    match base.scheme() {
        "https" => {}
        "http" if is_loopback(&base) => {}
        "http" => return Err(setting("is not encrypted, and the key would be readable on the way")),
        _ => return Err(setting("is neither https nor http")),
    }
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path().trim_end_matches('/');
    let path = if path.ends_with("/rest/v1") { path.to_owned() } else { format!("{path}/rest/v1") };
    base.set_path(&path);
    Ok(base)
}

pub(in crate::finance) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Installs a TLS provider if there is none, because reqwest panics without one. `main` installs one first, but a
/// library cannot rely on that.
pub(in crate::finance) fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is harmless: a provider is installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_url_and_the_apis_own_lead_to_the_same_place() {
        for url in ["https://x.supabase.co", "https://x.supabase.co/", " https://x.supabase.co/rest/v1/?a=b "] {
            assert_eq!(rest_base(url).unwrap().as_str(), "https://x.supabase.co/rest/v1", "{url}");
        }
        assert_eq!(rest_base("http://127.0.0.1:54321").unwrap().as_str(), "http://127.0.0.1:54321/rest/v1");
        assert!(rest_base("http://[::1]:1").is_ok());
    }

    #[test]
    fn an_unusable_url_is_refused_with_advice_and_without_its_password() {
        for url in ["", "x", "ftp://x.supabase.co", "http://x.supabase.co", "https://u:hunter2@x.supabase.co"] {
            let text = rest_base(url).unwrap_err().to_string();
            assert!(text.contains("SUPABASE_URL") && text.contains("https://<project>.supabase.co"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
