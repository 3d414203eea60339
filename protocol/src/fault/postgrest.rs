//! Answers of PostgREST, or of a gateway in front of it
//! (<https://docs.postgrest.org/en/stable/references/errors.html>).

use serde::Deserialize;

use super::{Fault, of_sqlstate};

/// Body of a PostgREST error. A gateway's pages and messages have no such code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PostgrestError {
    /// A SQLSTATE, or a code of PostgREST's own (`PGRST…`).
    pub code: String,
    /// The error's text.
    pub message: String,
}

impl PostgrestError {
    /// Reads a body; `None` if it is not from PostgREST.
    pub fn read(body: &[u8]) -> Option<Self> {
        let error: Self = serde_json::from_slice(body).ok()?;
        let is_plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
        let own = error.code.strip_prefix("PGRST").is_some_and(|rest| rest.len() == 3);
        ((own || error.code.len() == 5) && error.code.bytes().all(is_plain)).then_some(error)
    }
}

/// Returns the side at fault for an unexpected HTTP answer. The code alone decides, never the status: without a code,
/// the answer says nothing about the document. PostgREST's own codes are about the request's form, the schema or the
/// key.
pub fn of_http_answer(body: &[u8]) -> Fault {
    match PostgrestError::read(body) {
        Some(error) => of_sqlstate(&error.code),
        None => Fault::Surroundings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: &str) -> Vec<u8> {
        format!(r#"{{"code":"{code}","message":"no","details":null,"hint":null}}"#).into_bytes()
    }

    #[test]
    fn a_code_decides_whatever_the_status() {
        for (code, expected) in [
            ("22P02", Fault::Document),
            ("23505", Fault::Document),
            ("40001", Fault::Again),
            ("42501", Fault::Surroundings),
            ("42P01", Fault::Surroundings),
            ("PGRST000", Fault::Surroundings),
            ("PGRST102", Fault::Surroundings),
            ("PGRST202", Fault::Surroundings),
            ("PGRST301", Fault::Surroundings),
        ] {
            assert_eq!(of_http_answer(&body(code)), expected, "{code}");
        }
    }

    #[test]
    fn what_postgrest_did_not_write_says_nothing_about_the_document() {
        for page in [
            &b""[..],
            b"<html><body>402 Payment Required</body></html>",
            b"null",
            b"[]",
            b"22P02",
            br#""22P02""#,
            br#"{"message":"Invalid API key"}"#,
            br#"{"code":"22P02"}"#,
            br#"{"code":null,"message":"no"}"#,
            br#"{"code":22000,"message":"no"}"#,
            br#"{"code":"22p02","message":"no"}"#,
            br#"{"code":"too_large","message":"no"}"#,
            br#"{"error":{"code":"22P02","message":"no"}}"#,
            b"{\"code\":\"22P02\",\"message\":\"cut o",
            b"\xff\xfe",
        ] {
            assert_eq!(of_http_answer(page), Fault::Surroundings, "{}", String::from_utf8_lossy(page));
        }
    }
}
