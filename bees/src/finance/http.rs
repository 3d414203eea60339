//! HTTP as the clients of services use it: those of PostgREST, of Stripe, and of Supabase's accounts.

use std::net::IpAddr;
use std::time::Duration;

use apiary_daemon::with_causes;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::limits::{CONNECT_TIMEOUT, RETRY_AFTER_MAX};

/// A fault of a call that got no whole answer.
pub(crate) enum NoAnswer {
    /// Unreachable, or silent for too long.
    Unavailable(String),
    /// Longer than this many bytes.
    TooLarge(usize),
}

/// Creates a client that sends these headers with every call and follows no redirect, which would send the key to another
/// host.
pub(crate) fn client(headers: HeaderMap) -> Result<Client, String> {
    install_crypto_provider();
    Client::builder()
        .default_headers(headers)
        .user_agent(concat!("apiary/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| format!("the HTTP client cannot be made: {error}"))
}

/// Installs a TLS provider if there is none, because reqwest panics without one. `main` installs one first, but a
/// library cannot rely on that.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is harmless: a provider is installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Reads the URL of a server. Only one on this machine may be reached without encryption. The error is a predicate.
pub(crate) fn server(url: &str) -> Result<Url, String> {
    let url = Url::parse(url.trim()).map_err(|error| format!("is no URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password, which do not belong there".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("is not encrypted, and the key would be readable on the way".to_owned()),
        _ => Err("is neither https nor http".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Sends a request, and waits at most so long for the head of its answer.
pub(crate) async fn send(request: RequestBuilder, timeout: Duration) -> Result<Response, NoAnswer> {
    request.timeout(timeout).send().await.map_err(|error| no_answer(error, timeout))
}

/// Takes the key out of an answer that is about to be quoted: some gateways show what they were asked.
pub(crate) fn hide(body: &[u8], key: &SecretString) -> Vec<u8> {
    let key = key.expose_secret().trim();
    let text = String::from_utf8_lossy(body);
    if key.is_empty() { body.to_vec() } else { text.replace(key, "(the key)").into_bytes() }
}

/// Reads the body, up to a bound, so that no answer exhausts the memory. `timeout` is that of the call.
pub(crate) async fn read(mut response: Response, bytes_max: usize, timeout: Duration) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(error, timeout))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(NoAnswer::TooLarge(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Converts an error without an answer. The text omits the URL, because its query or user part may hold a secret.
fn no_answer(error: reqwest::Error, timeout: Duration) -> NoAnswer {
    if error.is_timeout() && !error.is_connect() {
        return NoAnswer::Unavailable(format!("no answer within {} s", timeout.as_secs_f32()));
    }
    NoAnswer::Unavailable(with_causes(&error.without_url()))
}

/// Returns the wait asked for by `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3), at most
/// [`RETRY_AFTER_MAX`].
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap())])
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after(&headers("7"), now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers("Sat, 21 Nov 2026 10:01:00 GMT"), now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(&headers("Sat, 21 Nov 2026 09:00:00 GMT"), now), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers("99999999"), now), Some(RETRY_AFTER_MAX));
        assert_eq!(retry_after(&headers("soon"), now), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_this_machine_is_reached_without_encryption() {
        for url in ["https://api.stripe.com", " http://localhost:7/x ", "http://127.0.0.1:7", "http://[::1]:1"] {
            assert!(server(url).is_ok(), "{url}");
        }
        for url in ["", "x", "http://api.stripe.com", "ftp://a", "https://u:hunter2@a"] {
            assert!(!server(url).unwrap_err().contains("hunter2"), "{url}");
        }
    }
}
