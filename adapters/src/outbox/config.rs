//! Settings of the outbox.

use std::time::Duration;

use apiary_database::read_url_encrypted;
use apiary_settings::{Kind, Setting, Values};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::functions::AllowedFunctions;
use crate::{StartError, USED_BY};

const DATABASE_URL: Setting = Setting::new(
    "webhook.outbox_database_url",
    Kind::Text,
    USED_BY,
    "your own Postgres with the table `apiary.outbox`, whose rows become processes: `postgres://…`",
)
.secret();
const FUNCTIONS: Setting = Setting::new(
    "webhook.outbox_functions",
    Kind::List,
    USED_BY,
    "what rows of the outbox may ask for, as `EXECUTOR_TYPE/FUNCTION`; a function may end in `*`",
);
const RETAIN: Setting = Setting::new(
    "webhook.outbox_retain",
    Kind::Retention,
    USED_BY,
    "how long submitted rows stay in the outbox; refused ones stay until you remove them",
)
.default("7d");
const TRANSACTION_POOLER: Setting = Setting::new(
    "webhook.outbox_transaction_pooler",
    Kind::Bool,
    USED_BY,
    "the outbox is behind a transaction pooler: it is read every 2 s, without LISTEN; otherwise detected",
)
.default("false");

/// The settings of the outbox.
pub const SETTINGS: &[Setting] = &[DATABASE_URL, FUNCTIONS, RETAIN, TRANSACTION_POOLER];

/// An outbox to read, checked as a whole before a port is opened.
#[derive(Clone, Debug)]
pub struct OutboxConfig {
    /// URL of the database with the table.
    pub database_url: SecretString,
    /// Allowed functions. Rows that ask for others are refused.
    pub functions: AllowedFunctions,
    /// Retention of submitted rows; `None` keeps them.
    pub retain: Option<Duration>,
    /// True if there is known to be a transaction pooler. Otherwise it is detected.
    pub has_transaction_pooler: bool,
}

impl OutboxConfig {
    /// Reads the settings; `None` without a database.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, and what to do.
    pub fn read(settings: &Values) -> Result<Option<Self>, StartError> {
        let Some(database_url) = settings.secret(&DATABASE_URL) else {
            if settings.is_set(&FUNCTIONS) {
                let (url, functions) = (DATABASE_URL.key, FUNCTIONS.key);
                tracing::warn!("no outbox is read: `{functions}` is set, and `{url}` is not");
            }
            return Ok(None);
        };
        let entries = settings.list(&FUNCTIONS);
        if entries.is_empty() {
            let advice = "is not set: list what rows of the outbox may ask for, as `EXECUTOR_TYPE/FUNCTION`, such as \
                          `mailer/mail.send` or `mailer/mail.*`";
            return Err(StartError::setting(FUNCTIONS.key, advice));
        }
        let functions =
            AllowedFunctions::read(entries).map_err(|problem| StartError::setting(FUNCTIONS.key, problem))?;
        let has_transaction_pooler = settings.flag(&TRANSACTION_POOLER);
        Ok(Some(Self { database_url, functions, retain: settings.retention(&RETAIN), has_transaction_pooler }))
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        self.server().map(drop)
    }

    /// Reads the URL of the database.
    pub(super) fn server(&self) -> Result<PgConnectOptions, StartError> {
        let read = read_url_encrypted(self.database_url.expose_secret());
        read.map_err(|error| StartError::setting(DATABASE_URL.key, format!("cannot be used: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use apiary_settings::{Origin, Value};

    use super::*;

    fn read(url: &str, functions: &[&str]) -> Result<Option<OutboxConfig>, String> {
        let mut values = Values::default();
        let put = |values: &mut Values, setting: &Setting, value| values.put(setting, value, Origin::Default);
        if !url.is_empty() {
            put(&mut values, &DATABASE_URL, Value::Text(url.to_owned()));
        }
        if !functions.is_empty() {
            put(&mut values, &FUNCTIONS, Value::List(functions.iter().map(|&one| one.to_owned()).collect()));
        }
        let read = OutboxConfig::read(&values);
        let checked = read.and_then(|config| config.as_ref().map_or(Ok(()), OutboxConfig::check).map(|()| config));
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn an_outbox_needs_a_database_and_a_list_of_functions() {
        assert!(read("", &["a/b"]).unwrap().is_none());
        assert!(read("postgres://u@localhost/d", &["a/b"]).unwrap().is_some());
        let told = read("postgres://u@localhost/d", &[]).unwrap_err();
        assert!(told.starts_with("`webhook.outbox_functions` is not set") && told.contains("EXECUTOR_TYPE"), "{told}");
        let told = read("postgres://u@localhost/d", &["a/b", "c"]).unwrap_err();
        assert!(told.starts_with("`webhook.outbox_functions` has an invalid entry 2"), "{told}");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_not_repeated() {
        for url in ["mysql://u:sesame@h/d", "postgres://u:ses@me@h/d", "sesame"] {
            let told = read(url, &["a/b"]).unwrap_err();
            assert!(told.starts_with("`webhook.outbox_database_url` ") && !told.contains("ses"), "{told}");
        }
        let config = read("postgres://u:sesame@localhost/d", &["a/b"]).unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
    }
}
