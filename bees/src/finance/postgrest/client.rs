//! A minimal PostgREST client: calls functions and reads rows.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::traces;
use apiary_identity::Clock;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use secrecy::SecretString;
use serde::Serialize;

use super::super::error::RecordError;
use super::super::http::{self, NoAnswer};
use super::super::limits::{ANSWER_BYTES_MAX, READ_TIMEOUT, WRITE_TIMEOUT};
use super::{error, key};

/// The header that places a call in its trace.
const TRACEPARENT: &str = "traceparent";

/// A client of one PostgREST service, with the rights of one role.
pub(super) struct PostgrestClient {
    http: Client,
    base: Url,
    key: SecretString,
    clock: Arc<dyn Clock>,
}

impl PostgrestClient {
    /// Creates a client of a Supabase project from its URL (`https://….supabase.co`).
    pub(super) fn new(url: &str, key: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, RecordError> {
        let base = rest_base(url)?;
        let mut headers: HeaderMap = key::headers(key)?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = http::client(headers).map_err(RecordError::Setting)?;
        Ok(Self { http, base, key: key.clone(), clock })
    }

    /// Calls a function with named arguments: `POST /rest/v1/rpc/<function>`.
    pub(super) async fn rpc(&self, function: &str, arguments: &impl Serialize) -> Result<Vec<u8>, RecordError> {
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
        // Functions of the database read it in `request.headers`.
        let request = match traces::current() {
            Some(context) => request.header(TRACEPARENT, context.to_string()),
            None => request,
        };
        let response = http::send(request, timeout).await.map_err(unavailable)?;
        let status = response.status();
        let retry_after = http::retry_after(response.headers(), self.clock.now());
        let body = http::read(response, ANSWER_BYTES_MAX, timeout).await.map_err(unavailable)?;
        match status.is_success() {
            true => Ok(body),
            false => Err(error::of(status, retry_after, &http::hide(&body, &self.key))),
        }
    }
}

fn unavailable(error: NoAnswer) -> RecordError {
    match error {
        NoAnswer::Unavailable(what) => RecordError::unavailable(what),
        NoAnswer::TooLarge(bytes_max) => RecordError::Answer(format!("more than {bytes_max} bytes")),
    }
}

/// Returns the URL of the REST API, from the project's URL or from the API's own.
fn rest_base(url: &str) -> Result<Url, RecordError> {
    let mut base = http::server(url).map_err(|what| {
        RecordError::Setting(format!("SUPABASE_URL {what}: set it to the project's URL, https://<project>.supabase.co"))
    })?;
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path().trim_end_matches('/');
    let path = if path.ends_with("/rest/v1") { path.to_owned() } else { format!("{path}/rest/v1") };
    base.set_path(&path);
    Ok(base)
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
