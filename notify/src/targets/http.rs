//! HTTP as targets use it: encrypted, without redirects, within bounds.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use apiary_daemon::with_causes;
use apiary_settings::{Setting, SettingError};
use percent_encoding::percent_decode_str;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::SendError;
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_CHARS_MAX, RETRY_AFTER_MAX, SECRET_CHARS_MIN, SEND_TIMEOUT};
use crate::message::{clipped, plain};

/// The name of the dead man's ping.
pub(crate) const PING: &str = "ping";

/// Reads a URL. Only one on this machine may be reached without encryption. The error never shows it: it is a secret.
pub(crate) fn address(setting: &Setting, url: &SecretString) -> Result<Url, SettingError> {
    let wrong = |problem: &str| SettingError::new(format!("`{}` {problem}", setting.key));
    let url = Url::parse(url.expose_secret().trim()).map_err(|error| wrong(&format!("is no URL ({error})")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong("is not encrypted: use https://")),
        _ => Err(wrong("is neither https nor http")),
    }
}

/// Returns true for a server on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns the server of a URL: its path and the rest may be secret.
pub(crate) fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}/…", url.scheme(), url.host_str().unwrap_or_default())
}

/// Returns the client of all targets. It is made once, because it reads the machine's certificates.
pub(crate) fn client() -> Result<Client, SendError> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is harmless: a provider is installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let client = Client::builder()
        .user_agent(concat!("apiary/", env!("CARGO_PKG_VERSION")))
        .timeout(SEND_TIMEOUT)
        .redirect(redirect::Policy::none())
        // Messages are rare: no connection is kept for the next one.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| SendError::new(format!("the HTTP client cannot be made: {error}")))?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// Sends a request to a URL; returns the answer if it says yes.
pub(crate) async fn send(url: &Url, request: RequestBuilder) -> Result<String, SendError> {
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let asked = retry_after(&response);
    // Servers like to repeat the path that they do not know.
    let body = clipped(plain(&without_secrets(url, &beginning(response).await)).trim(), ANSWER_CHARS_MAX);
    let answer = if body.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {body}") };
    if status.is_success() { Ok(answer) } else { Err(SendError { words: answer, retry_after: asked }) }
}

/// Fetches the URL of a dead man's switch.
pub(crate) async fn ping(url: &Url) -> Result<String, SendError> {
    send(url, client()?.get(url.clone())).await
}

/// Removes what a text repeats of a URL's secrets: its path, its query, and its password.
pub(crate) fn without_secrets(url: &Url, text: &str) -> String {
    let parts = [Some(url.path()), url.query(), url.fragment(), url.password()];
    let mut secrets: Vec<String> = parts.into_iter().flatten().map(str::to_owned).collect();
    secrets.extend(url.path().split('/').map(str::to_owned));
    secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    secrets.extend(url.password().map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned()));
    secrets.retain(|secret| secret.chars().count() >= SECRET_CHARS_MIN);
    // The longest first: one may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

/// Returns the wait that an answer asks for, in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|asked| asked.min(RETRY_AFTER_MAX))
}

/// Returns the beginning of an answer's body.
async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    body.truncate(ANSWER_BYTES_MAX);
    String::from_utf8_lossy(&body).into_owned()
}

/// Converts an error without an answer. The text omits the URL, which is a secret.
fn no_answer(error: reqwest::Error) -> SendError {
    if error.is_timeout() {
        return SendError::new(format!("no answer within {} s", SEND_TIMEOUT.as_secs()));
    }
    SendError::new(with_causes(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_repeats_a_secret_is_shown_without_it() {
        let url = |url| Url::parse(url).unwrap();
        let slack = url("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX");
        for answer in ["Cannot POST /services/T00000000/B00000000/XXXXXXXXXXXXXXXX", "no team T00000000"] {
            let shown = without_secrets(&slack, answer);
            assert!(shown.contains('…') && !shown.contains("T0000") && !shown.contains("XXX"), "{shown}");
        }
        let query = url("https://example.com/in?key=hidden%20key");
        assert_eq!(without_secrets(&query, "no such key: hidden key"), "no such key: …");
        let mail = url("smtps://ops:p%40ssword@mail.example");
        assert_eq!(without_secrets(&mail, "535 p@ssword is wrong for ops"), "535 … is wrong for ops");
        assert_eq!(without_secrets(&url("https://example.com/a"), "HTTP is a protocol"), "HTTP is a protocol");
    }
}
