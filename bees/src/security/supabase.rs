//! Accounts of a Supabase project: reading and locking one by GoTrue's admin API.
//!
//! `GET` and `PUT /auth/v1/admin/users/{id}`; a lock is `ban_duration`, a duration in Go's form, and `none` ends it
//! (<https://supabase.com/docs/reference/javascript/auth-admin-updateuserbyid>). GoTrue merges `app_metadata`, and deletes a key whose
//! value is null. A lock keeps a user from signing in and from refreshing a session; a token that was given lives on until its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::Failure;
use apiary_identity::Clock;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::limits::{ANSWER_BYTES_MAX, CALL_TIMEOUT};
use crate::finance::{http, supabase_headers};
use crate::outbound::{CallError, Outbound, Retries, Severity, not_asked_words};

/// Key in a user's `app_metadata` that names the response by which the account is locked.
const MARK: &str = "apiary_lock";
/// Stable name of the condition that Supabase cannot be reached, or refuses the key.
const CAUSE: &str = "supabase-auth";
/// Characters that are quoted of an answer.
const QUOTED_CHARS_MAX: usize = 200;

/// Accounts that may be locked. `Debug` shows no key.
pub(super) struct Accounts {
    http: Client,
    users: Url,
    key: SecretString,
    outbound: Outbound<AccountError>,
    clock: Arc<dyn Clock>,
}

/// An account, as far as a response looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The end of its lock, if it is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banned_until: Option<Timestamp>,
    /// The response that locked it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Uuid>,
}

/// A change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Names the response that is about to lock it, or none.
    Mark(Option<Uuid>),
    /// Locks it for so many seconds from now on.
    Lock(i64),
    /// Ends the lock.
    Unlock,
}

/// The reason why an account was not read or changed. Never shows the key.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum AccountError {
    #[error("{0}")]
    Setting(String),
    #[error("there is no account {0}")]
    Unknown(Uuid),
    #[error("Supabase refuses the service-role key ({0}): set `security.supabase_service_role_key`")]
    KeyRefused(String),
    #[error("Supabase refuses the call: {0}")]
    Refused(String),
    #[error("Supabase is unavailable: {what}")]
    Unavailable { what: String, retry_after: Option<Duration> },
}

/// A user in GoTrue's answer; it has many more fields.
#[derive(Deserialize)]
struct User {
    #[serde(default)]
    banned_until: Option<Timestamp>,
    #[serde(default)]
    app_metadata: Value,
}

impl Accounts {
    /// Creates a client of a project's accounts, from its URL and its service-role key.
    pub(super) fn new(url: &str, key: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, AccountError> {
        Self::with_retries(url, key, clock, Retries::default())
    }

    fn with_retries(
        url: &str,
        key: &SecretString,
        clock: Arc<dyn Clock>,
        retries: Retries,
    ) -> Result<Self, AccountError> {
        let mut users = http::server(url).map_err(AccountError::Setting)?;
        users.set_query(None);
        users.set_fragment(None);
        users
            .path_segments_mut()
            .map_err(|()| AccountError::Setting("the URL has no path".to_owned()))?
            .pop_if_empty()
            .extend(["auth", "v1", "admin", "users"]);
        let mut headers: HeaderMap = supabase_headers(key).map_err(|error| AccountError::Setting(error.to_string()))?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = http::client(headers).map_err(AccountError::Setting)?;
        Ok(Self { http, users, key: key.clone(), outbound: Outbound::new(retries), clock })
    }

    /// Reads an account.
    pub(super) async fn get(&self, user_id: Uuid) -> Result<Account, AccountError> {
        let url = self.user(user_id)?;
        let body = self.outbound.call(|| self.send(self.http.get(url.clone()), Some(user_id))).await?;
        read(&body)
    }

    /// Changes an account; returns it as it is then. Safe to repeat.
    pub(super) async fn change(&self, user_id: Uuid, change: Change) -> Result<Account, AccountError> {
        let url = self.user(user_id)?;
        let body = change.body();
        let call = || self.send(self.http.put(url.clone()).json(&body), Some(user_id));
        read(&self.outbound.call(call).await?)
    }

    /// Proves that accounts can be read, without one.
    pub(super) async fn check(&self) -> Result<(), AccountError> {
        let mut url = self.users.clone();
        url.query_pairs_mut().append_pair("per_page", "1");
        let body = self.outbound.call(|| self.send(self.http.get(url.clone()), None)).await?;
        read_list(&body)
    }

    fn user(&self, user_id: Uuid) -> Result<Url, AccountError> {
        let mut url = self.users.clone();
        url.path_segments_mut()
            .map_err(|()| AccountError::Setting("the URL has no path".to_owned()))?
            .push(&user_id.to_string());
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder, user_id: Option<Uuid>) -> Result<Vec<u8>, AccountError> {
        let response = http::send(request, CALL_TIMEOUT).await.map_err(no_answer)?;
        let status = response.status();
        let retry_after = http::retry_after(response.headers(), self.clock.now());
        let body = http::read(response, ANSWER_BYTES_MAX, CALL_TIMEOUT).await.map_err(no_answer)?;
        if status.is_success() {
            return Ok(body);
        }
        let body = http::hide(&body, &self.key);
        match (status, user_id) {
            (StatusCode::NOT_FOUND, Some(user_id)) if is_no_user(&body) => Err(AccountError::Unknown(user_id)),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(AccountError::KeyRefused(quote(status, &body)))
            }
            (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => {
                Err(AccountError::Refused(quote(status, &body)))
            }
            _ => Err(AccountError::Unavailable { what: quote(status, &body), retry_after }),
        }
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accounts({})", self.users)
    }
}

impl Change {
    fn body(self) -> Value {
        match self {
            Self::Mark(response) => json!({ "app_metadata": { MARK: response } }),
            Self::Lock(seconds) => json!({ "ban_duration": format!("{}s", seconds.max(1)) }),
            Self::Unlock => json!({ "ban_duration": "none" }),
        }
    }
}

impl Account {
    /// Returns the end of the lock, if it lasts at this moment.
    pub(super) fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.banned_until.filter(|until| *until > now)
    }
}

fn read(body: &[u8]) -> Result<Account, AccountError> {
    let user: User = serde_json::from_slice(body)
        .map_err(|error| AccountError::Refused(format!("its answer is no user ({error})")))?;
    let response = user.app_metadata.get(MARK).and_then(Value::as_str).and_then(|text| text.parse().ok());
    Ok(Account { banned_until: user.banned_until, response })
}

/// Reads a list of users. A server that answers anything else, and with success, has no admin API.
fn read_list(body: &[u8]) -> Result<(), AccountError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if answer["users"].is_array() {
        return Ok(());
    }
    Err(AccountError::Refused(
        "its answer is no list of users: is `security.supabase_url` a Supabase project?".to_owned(),
    ))
}

/// Returns true if GoTrue says that the user is unknown; anything else of a 404 is about the way there.
fn is_no_user(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["error_code"] == "user_not_found" || answer["msg"] == "User not found"
}

fn no_answer(error: http::NoAnswer) -> AccountError {
    match error {
        http::NoAnswer::Unavailable(what) => AccountError::Unavailable { what, retry_after: None },
        http::NoAnswer::TooLarge(bytes_max) => {
            AccountError::Refused(format!("its answer has more than {bytes_max} bytes"))
        }
    }
}

fn quote(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(QUOTED_CHARS_MAX).collect();
    format!("{status}: {text}")
}

impl CallError for AccountError {
    fn severity(&self) -> Severity {
        match self {
            Self::Setting(_) | Self::Unknown(_) | Self::Refused(_) => Severity::Final,
            Self::KeyRefused(_) => Severity::Shut,
            Self::Unavailable { .. } => Severity::Down,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn not_asked(self, wait: Duration) -> Self {
        let what = not_asked_words(wait, &self.to_string());
        Self::Unavailable { what, retry_after: Some(wait) }
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match &error {
            AccountError::Setting(_) | AccountError::Unknown(_) | AccountError::Refused(_) => Self::fatal(error),
            AccountError::KeyRefused(_) => Self::surroundings(CAUSE, error),
            AccountError::Unavailable { retry_after, .. } => {
                let wait = *retry_after;
                let failure = Self::surroundings(CAUSE, error);
                match wait {
                    Some(wait) => failure.retry_after(wait),
                    None => failure,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::SystemClock;

    use super::*;

    #[test]
    fn a_user_is_read_as_gotrue_prints_it() {
        let user = r#"{"id": "6aa5d0d4-2a9f-4483-b6c8-0cf4c6c98ac4", "aud": "authenticated", "email": "a@example.com",
            "banned_until": "2026-11-22T10:00:00.123456Z",
            "app_metadata": {"provider": "email", "apiary_lock": "019ab2c4-5d6e-7f80-9123-456789abcdef"}}"#;
        let account = read(user.as_bytes()).unwrap();
        assert_eq!(account.response, Some(Uuid::from_u128(0x019a_b2c4_5d6e_7f80_9123_4567_89ab_cdef)));
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        assert!(account.locked_until(now).is_some());
        assert_eq!(read(br#"{"id": "x"}"#).unwrap(), Account::default());
        assert!(matches!(read(b"<html>"), Err(AccountError::Refused(_))));
    }

    #[test]
    fn a_lock_is_a_duration_in_gos_form() {
        assert_eq!(Change::Lock(86_399).body(), json!({"ban_duration": "86399s"}));
        assert_eq!(Change::Lock(-5).body(), json!({"ban_duration": "1s"}));
        assert_eq!(Change::Unlock.body(), json!({"ban_duration": "none"}));
        assert_eq!(Change::Mark(None).body(), json!({"app_metadata": {"apiary_lock": null}}));
    }

    #[test]
    fn only_gotrues_own_word_says_that_an_account_is_unknown() {
        assert!(is_no_user(br#"{"code":404,"error_code":"user_not_found","msg":"User not found"}"#));
        assert!(!is_no_user(br#"{"message":"no Route matched with those values"}"#) && !is_no_user(b"404"));
    }

    #[test]
    fn a_server_that_lists_no_users_has_no_accounts() {
        assert!(read_list(br#"{"users": [], "aud": "authenticated"}"#).is_ok());
        for body in [&b""[..], b"{}", b"<html>", b"[]"] {
            assert!(matches!(read_list(body), Err(AccountError::Refused(_))));
        }
    }

    #[test]
    fn neither_errors_nor_debug_show_the_key() {
        let key = SecretString::from("hunter2");
        let accounts = Accounts::new("https://x.supabase.co/", &key, Arc::new(SystemClock)).unwrap();
        let shown = format!("{accounts:?}");
        assert_eq!(shown, "Accounts(https://x.supabase.co/auth/v1/admin/users)");
        let bad = SecretString::from("a\nb");
        let error = Accounts::new("https://x.supabase.co", &bad, Arc::new(SystemClock)).unwrap_err().to_string();
        assert!(!error.contains("a\nb"), "{error}");
    }
}
