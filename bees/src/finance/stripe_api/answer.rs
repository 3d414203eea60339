//! Converts answers that are no success: of Stripe, or of a gateway in front of it.
//!
//! The forms: <https://docs.stripe.com/error-handling> and <https://docs.stripe.com/error-low-level>.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::client::Call;
use super::error::StripeError;
use super::key::{StripeKey, mode};
use super::kind::Kind;

/// Characters quoted from an answer.
const QUOTED_CHARS_MAX: usize = 300;

#[derive(Deserialize)]
struct Body {
    error: ErrorBody,
}

/// The error in an answer of Stripe's.
#[derive(Default, Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

/// Converts an error answer by its status and by Stripe's code.
pub(super) fn error(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
    call: &Call<'_>,
    key: &StripeKey,
) -> StripeError {
    let Ok(Body { error }) = serde_json::from_slice::<Body>(body) else {
        return of_gateway(status, retry_after, &quote(&String::from_utf8_lossy(body), key));
    };
    let code = error.code.as_deref().unwrap_or_default();
    let what = quote(&error.message.unwrap_or_else(|| status.to_string()), key);
    match (status.as_u16(), code) {
        (429, _) => StripeError::RateLimited { what, retry_after },
        // 409 is a conflict with another call, which passes by itself.
        (409 | 500.., _) => StripeError::Unavailable { what: format!("{status}, {what}"), retry_after },
        (401, _) | (_, "api_key_expired" | "platform_api_key_expired") => StripeError::Key { what },
        (400 | 403, "testmode_charges_only" | "livemode_mismatch") => {
            StripeError::Mode { what, key: mode(key.is_live()) }
        }
        (403, "account_invalid") => account(call, what),
        (403, _) => rights(call, &what),
        (404, _) | (400, "resource_missing") => missing(call, &what, key),
        _ => StripeError::Refused { path: call.path(), what },
    }
}

/// Converts an answer that is not Stripe's. Such an answer is about the way, never about the object.
fn of_gateway(status: StatusCode, retry_after: Option<Duration>, text: &str) -> StripeError {
    // A redirect would send the key to another host, so none is followed.
    if status.is_redirection() {
        return StripeError::Answer(format!("{status}, a redirect"));
    }
    match status.as_u16() {
        429 => StripeError::RateLimited { what: text.to_owned(), retry_after },
        408 | 425 | 500.. => StripeError::Unavailable { what: format!("{status}: {text}"), retry_after },
        _ => StripeError::Answer(format!("{status}: {text}")),
    }
}

fn account(call: &Call<'_>, what: String) -> StripeError {
    let account = call.account.unwrap_or_default().to_owned();
    StripeError::Account { account, what }
}

/// Names the missing permission: as Stripe does in its message (`rak_…`), else as its dashboard has it.
fn rights(call: &Call<'_>, what: &str) -> StripeError {
    let told = what.split(['\'', '`', '"', ' ']).find(|word| word.starts_with("rak_"));
    let known = call.kind.map(Kind::permission);
    let permission = match (known, told) {
        (Some(known), Some(told)) => format!("\"{known}\" ({told})"),
        (Some(known), None) => format!("\"{known}\""),
        (None, Some(told)) => told.to_owned(),
        (None, None) => format!("that Stripe names: {what}"),
    };
    StripeError::Rights { path: call.path(), permission }
}

/// Tells an object of the other mode, and a wrong path, from an object that Stripe does not know.
fn missing(call: &Call<'_>, what: &str, key: &StripeKey) -> StripeError {
    if what.contains("a similar object exists in") {
        return StripeError::Mode { what: what.to_owned(), key: mode(key.is_live()) };
    }
    if what.starts_with("Unrecognized request URL") {
        return StripeError::Answer(what.to_owned());
    }
    StripeError::Missing { what: call.object() }
}

fn quote(text: &str, key: &StripeKey) -> String {
    let text = key.hide(text);
    text.chars().filter(|character| !character.is_control()).take(QUOTED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::outbound::{CallError as _, Severity};

    const NO_RIGHTS: &str = "The provided key 'rk_test_***' does not have the required permissions for this endpoint on \
        account 'acct_1'. Having the 'rak_customer_read' permission would allow this request to continue.";

    fn read(status: u16, code: &str, message: &str) -> StripeError {
        let key = StripeKey::read(&SecretString::from("rk_test_hunter2")).unwrap();
        let body = serde_json::json!({"error": {"code": code, "message": message, "type": "x"}}).to_string();
        let call = Call { account: Some("acct_1"), ..Call::of(Kind::Customers, Some("cus_1")) };
        error(StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), &call, &key)
    }

    #[test]
    fn each_answer_gets_the_advice_that_fits() {
        for (status, code, message, cause, advice) in [
            (401, "", "Invalid API Key provided: rk_test_****", "stripe-key", "set `finance.stripe_secret_key` anew"),
            (401, "api_key_expired", "Expired API key", "stripe-key", "Expired"),
            (403, "", NO_RIGHTS, "stripe-rights", "\"Customers: Read\" (rak_customer_read)"),
            (403, "account_invalid", "no access", "stripe-account", "acct_1"),
            (404, "resource_missing", "No such customer: 'cus_1'", "stripe-missing", "knows no customer `cus_1`"),
            (400, "resource_missing", "No such customer: 'cus_1'", "stripe-missing", "knows no customer `cus_1`"),
            (
                404,
                "resource_missing",
                "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used",
                "stripe-mode",
                "of test mode",
            ),
            (404, "", "Unrecognized request URL (GET: /v9/customers)", "stripe-answer", "finance.stripe_api_url"),
            (429, "rate_limit", "slow down", "stripe-rate", "finance.stripe_rate"),
            (500, "", "sorry", "stripe-unavailable", "Stripe is unavailable"),
            (409, "lock_timeout", "busy", "stripe-unavailable", "Stripe is unavailable"),
            (400, "parameter_unknown", "unknown: x", "stripe-refused", "report it"),
        ] {
            let error = read(status, code, message);
            assert_eq!(error.cause(), cause, "{error}");
            assert!(error.to_string().contains(advice), "{error}");
        }
    }

    #[test]
    fn the_key_is_not_quoted() {
        let text = read(400, "", "bad: Bearer rk_test_hunter2\u{1b}[31m").to_string();
        assert!(text.contains("(the key)") && !text.contains("hunter2") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_gateway_is_never_taken_for_stripe() {
        let key = StripeKey::read(&SecretString::from("rk_test_hunter2")).unwrap();
        for status in (300..600).filter_map(|status| StatusCode::from_u16(status).ok()) {
            let error = error(status, None, b"<html>", &Call::of(Kind::Customers, None), &key);
            assert!(!matches!(error, StripeError::Missing { .. } | StripeError::Key { .. }), "{status}: {error}");
            let passes = error.severity() == Severity::Down;
            assert_eq!(passes, matches!(status.as_u16(), 408 | 425 | 429 | 500..), "{status}");
        }
    }
}
