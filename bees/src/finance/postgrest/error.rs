//! What PostgREST, or a gateway before it, answers instead of what was asked for.
//!
//! The codes: <https://docs.postgrest.org/en/stable/references/errors.html>.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::super::error::RecordError;
use super::super::sqlstate;

/// Characters of an answer that is not PostgREST's which are quoted.
const QUOTED_CHARS_MAX: usize = 200;

/// The body of an error; gateways send the message only.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// The error behind an answer: by Postgres's or PostgREST's code where there is one, else by the status.
pub(super) fn of(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> RecordError {
    let parsed: Body = serde_json::from_slice(body).unwrap_or_default();
    let code = parsed.code.unwrap_or_default();
    let message = parsed.message.unwrap_or_else(|| quote(body));
    let error = sqlstate::error(&code, &message).unwrap_or_else(|| by_status(status, &code, &message));
    match error {
        RecordError::Unavailable { what, .. } => RecordError::Unavailable { what, retry_after },
        other => other,
    }
}

fn by_status(status: StatusCode, code: &str, message: &str) -> RecordError {
    let what = format!("{status} {code} {message}");
    match status {
        StatusCode::UNAUTHORIZED => RecordError::KeyRefused { what },
        StatusCode::FORBIDDEN => RecordError::Forbidden { what },
        // PGRST202 function, PGRST205 table, PGRST106 (406) schema.
        StatusCode::NOT_FOUND | StatusCode::NOT_ACCEPTABLE => RecordError::NotInstalled { what },
        StatusCode::CONFLICT => RecordError::Conflict { code: code.to_owned(), what },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            RecordError::unavailable(what)
        }
        status if status.is_server_error() => RecordError::unavailable(what),
        // A redirect would carry the key to another host, so none is followed.
        status if status.is_redirection() => RecordError::Answer(format!("{status}, a redirect")),
        status => RecordError::Refused { code: status.as_str().to_owned(), what },
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|character| !character.is_control()).take(QUOTED_CHARS_MAX).collect()
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
        assert_eq!(retry_after(&headers("soon"), now), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_code_of_postgres_outweighs_the_status() {
        let error = of(StatusCode::UNAUTHORIZED, None, br#"{"code":"42501","message":"permission denied"}"#);
        assert!(matches!(error, RecordError::Forbidden { .. }), "{error}");
        let error = of(StatusCode::INTERNAL_SERVER_ERROR, None, br#"{"code":"40001","message":"serialize"}"#);
        assert!(matches!(error, RecordError::Contended { .. }), "{error}");
    }

    #[test]
    fn an_answer_of_a_gateway_is_quoted_in_part() {
        let page = format!("<html>\u{1b}[31m{}</html>", "x".repeat(10_000));
        let text = of(StatusCode::BAD_GATEWAY, None, page.as_bytes()).to_string();
        assert!(text.len() < 500 && !text.contains('\u{1b}'), "{text}");
    }
}
