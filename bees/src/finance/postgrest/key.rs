//! HTTP headers that carry the key.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::error::RecordError;

const API_KEY: HeaderName = HeaderName::from_static("apikey");

/// Returns the headers that authenticate the caller. They are marked sensitive, so that no log prints them.
///
/// Supabase has two kinds of keys. New keys (`sb_secret_…`) are sent as `apikey` only. Old keys are JWTs, and are sent
/// also as a bearer token, which is the header that PostgREST itself reads.
pub(crate) fn headers(key: &SecretString) -> Result<HeaderMap, RecordError> {
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Err(RecordError::Setting("the Supabase key is empty: set SUPABASE_SERVICE_ROLE_KEY".to_owned()));
    }
    let mut headers = HeaderMap::new();
    headers.insert(API_KEY, sensitive(key)?);
    if !key.starts_with("sb_") {
        headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {key}"))?);
    }
    Ok(headers)
}

fn sensitive(value: &str) -> Result<HeaderValue, RecordError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        RecordError::Setting(
            "the Supabase key contains invalid characters: copy SUPABASE_SERVICE_ROLE_KEY again".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
