//! Converts error answers of PostgREST, or of a gateway in front of it.
//!
//! The codes: <https://docs.postgrest.org/en/stable/references/errors.html>.

use std::time::Duration;

use apiary_protocol::fault::PostgrestError;
use reqwest::StatusCode;

use super::super::error::RecordError;
use super::super::sqlstate;

/// Characters quoted from an answer that is not PostgREST's.
const QUOTED_CHARS_MAX: usize = 200;
/// Characters quoted from a message of PostgREST or Postgres.
const MESSAGE_CHARS_MAX: usize = 300;

/// Converts an error answer by the code of Postgres or PostgREST. Without a code, the HTTP status only selects the
/// advice.
pub(super) fn of(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> RecordError {
    let error = match PostgrestError::read(body) {
        Some(PostgrestError { code, message }) => of_code(&code, &quote(message.as_bytes(), MESSAGE_CHARS_MAX)),
        None => of_gateway(status, &quote(body, QUOTED_CHARS_MAX)),
    };
    match error {
        RecordError::Unavailable { what, .. } => RecordError::Unavailable { what, retry_after },
        other => other,
    }
}

fn of_code(code: &str, message: &str) -> RecordError {
    let what = || format!("{code}: {message}");
    match code.strip_prefix("PGRST") {
        None => sqlstate::error(code, message),
        // Codes 0xx: no connection to the database, or no schema cache yet.
        Some(number) if number.starts_with('0') => RecordError::unavailable(what()),
        // An exposed schema is missing; or, with codes 2xx, a function or table is missing in the schema cache.
        Some("106") => RecordError::NotInstalled { what: what() },
        Some(number) if number.starts_with('2') => RecordError::NotInstalled { what: what() },
        Some(number) if number.starts_with('3') => RecordError::KeyRefused { what: what() },
        Some(_) => RecordError::Answer(what()),
    }
}

/// Converts an answer of a gateway, a proxy or a firewall. Such an answer is about the connection, never about the
/// event.
fn of_gateway(status: StatusCode, text: &str) -> RecordError {
    let what = format!("{status}, not from PostgREST: {text}");
    match status {
        StatusCode::UNAUTHORIZED => RecordError::KeyRefused { what },
        // A redirect would send the key to another host, so none is followed.
        status if status.is_redirection() => RecordError::Answer(format!("{status}, a redirect")),
        StatusCode::PAYMENT_REQUIRED => {
            RecordError::unavailable(format!("{what}; check the project's quota and its billing page"))
        }
        status if status.is_client_error() && !is_transient(status) => RecordError::unavailable(format!(
            "{what}; check SUPABASE_URL, and the network between this machine and the project"
        )),
        _ => RecordError::unavailable(what),
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

fn quote(body: &[u8], chars_max: usize) -> String {
    String::from_utf8_lossy(body).chars().filter(|character| !character.is_control()).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use apiary_executor_sdk::Fault;
    use apiary_protocol::fault::of_http_answer;

    use super::*;

    #[test]
    fn a_code_of_postgres_outweighs_the_status() {
        let error = of(StatusCode::UNAUTHORIZED, None, br#"{"code":"42501","message":"permission denied"}"#);
        assert!(matches!(error, RecordError::Forbidden { .. }), "{error}");
        let error = of(StatusCode::INTERNAL_SERVER_ERROR, None, br#"{"code":"40001","message":"serialize"}"#);
        assert!(matches!(error, RecordError::Contended { .. }), "{error}");
    }

    #[test]
    fn no_status_without_a_code_is_held_against_the_event() {
        for status in (400..600).filter_map(|status| StatusCode::from_u16(status).ok()) {
            for body in [&b""[..], b"<html>no</html>", br#"{"message":"no"}"#, br#"{"code":402,"message":"no"}"#] {
                assert_eq!(of(status, None, body).fault(), Fault::Surroundings, "{status}");
            }
            for (code, expected) in
                [("22P02", Fault::Document), ("40001", Fault::Again), ("PGRST301", Fault::Surroundings)]
            {
                let body = format!(r#"{{"code":"{code}","message":"no"}}"#);
                assert_eq!(of(status, None, body.as_bytes()).fault(), expected, "{status} {code}");
            }
        }
    }

    #[test]
    fn whose_fault_an_answer_is_decides_the_one_classifier() {
        let codes =
            ["00", "08", "21", "22", "23", "25", "28", "40", "42", "44", "53", "54", "55", "57", "P0", "PT", "XX"];
        let coded =
            codes.iter().flat_map(|class| ["000", "001", "006", "P01", "P03"].map(|rest| format!("{class}{rest}")));
        let own = (0..=999).map(|number| format!("PGRST{number:03}"));
        for code in coded.chain(own) {
            let body = format!(r#"{{"code":"{code}","message":"no"}}"#);
            let found = of(StatusCode::BAD_REQUEST, None, body.as_bytes()).fault();
            assert_eq!(found, of_http_answer(body.as_bytes()), "{code}");
        }
    }

    #[test]
    fn an_answer_of_a_gateway_is_quoted_in_part() {
        let page = format!("<html>\u{1b}[31m{}</html>", "x".repeat(10_000));
        let coded = format!("{{\"code\":\"PGRST000\",\"message\":\"\\u001b[31m\\n{}\"}}", "x".repeat(10_000));
        for answer in [page, coded] {
            let text = of(StatusCode::BAD_GATEWAY, None, answer.as_bytes()).to_string();
            assert!(text.len() < 500 && !text.contains(['\u{1b}', '\n']), "{text}");
        }
    }
}
