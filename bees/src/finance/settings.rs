//! The settings that name the state of record, and how it is opened by them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiary_identity::Clock;
use apiary_settings::{Kind, Setting, SettingError, Value, Values};
use secrecy::SecretString;

use super::error::RecordError;
use super::postgres::PostgresRecord;
use super::postgrest::PostgrestRecord;
use super::record::{Readiness, Record};
use super::sqlite::SqliteRecord;
use super::stripe_api::{self, StripeError};
use crate::{BeeError, Check, Local};

const USED_BY: &str = "`apiary bee finance`";

const RECORD: Setting = Setting::new(
    "finance.record",
    Kind::OneOf(&["supabase", "postgres", "sqlite"]),
    USED_BY,
    "the state of record to use; needed only if more than one is set",
);
const SUPABASE_URL: Setting =
    Setting::new("finance.supabase_url", Kind::Text, USED_BY, "the Supabase project, https://….supabase.co")
        .also(&["SUPABASE_URL"]);
const SUPABASE_SERVICE_ROLE_KEY: Setting =
    Setting::new("finance.supabase_service_role_key", Kind::Text, USED_BY, "the project's service-role key")
        .secret()
        .also(&["SUPABASE_SERVICE_ROLE_KEY"]);
const DATABASE_URL: Setting =
    Setting::new("finance.database_url", Kind::Text, USED_BY, "a Postgres as the state of record, postgres://…")
        .secret()
        .also(&["DATABASE_URL"]);
const SQLITE: Setting = Setting::new("finance.sqlite", Kind::Path, USED_BY, "a SQLite file as the state of record");
const MIGRATE: Setting = Setting::new(
    "finance.migrate",
    Kind::Bool,
    USED_BY,
    "apply `deploy/supabase/migrations` to `finance.database_url` at the start",
)
.default("false");
/// Every setting of the bee, in the order in which they are shown.
pub(super) const ALL: [Setting; 9] = {
    let [key, url, rate] = stripe_api::SETTINGS;
    [RECORD, SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY, DATABASE_URL, SQLITE, MIGRATE, key, url, rate]
};

/// The settings that name a state of record, with the words of `finance.record`.
const WAYS: [(&str, &Setting); 3] = [("supabase", &SUPABASE_URL), ("postgres", &DATABASE_URL), ("sqlite", &SQLITE)];

/// The state of record in the data folder of `apiary up`.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join("finance.db")
}

/// Returns the settings of a state of record in the data folder of `apiary up`.
pub(super) fn local(folder: &Path) -> Local {
    let set = vec![(&RECORD, Value::Text("sqlite".to_owned())), (&SQLITE, Value::of_path(&file_in(folder)))];
    Local { set, unused: &[SUPABASE_URL, DATABASE_URL] }
}

/// Opens the state of record that the settings name.
///
/// # Errors
///
/// A setting that is missing or cannot be used, or a file that cannot be opened.
pub async fn open(settings: &Values, clock: Arc<dyn Clock>) -> Result<Arc<dyn Record>, BeeError> {
    match choose(settings)? {
        "supabase" => {
            let url = settings.text(&SUPABASE_URL).unwrap_or_default();
            let key = settings.secret(&SUPABASE_SERVICE_ROLE_KEY);
            let key = key.ok_or_else(|| SettingError::missing(&SUPABASE_SERVICE_ROLE_KEY))?;
            Ok(Arc::new(PostgrestRecord::new(url, &key, clock).map_err(|error| unusable(&error))?))
        }
        "postgres" => Ok(Arc::new(postgres(settings)?)),
        _ => {
            let path = settings.path(&SQLITE).ok_or_else(|| SettingError::missing(&SQLITE))?;
            let record = SqliteRecord::open(&path).await;
            Ok(Arc::new(record.map_err(|error| failed(path.display().to_string(), error))?))
        }
    }
}

/// Opens the state of record for a bee: migrates it if that is set, and looks at it before anything is claimed.
pub(super) async fn start(settings: &Values, clock: Arc<dyn Clock>) -> Result<Arc<dyn Record>, BeeError> {
    if choose(settings)? == "postgres" && settings.flag(&MIGRATE) {
        let migrated = postgres(settings)?.migrate().await;
        migrated.map_err(|error| failed("deploy/supabase/migrations".to_owned(), error))?;
    }
    let record = open(settings, clock).await?;
    match record.check().await {
        Ok(readiness) => {
            for words in advice(&readiness) {
                tracing::warn!("{words}");
            }
            Ok(record)
        }
        // The bee waits for what comes back by itself; its work is retried until then.
        Err(error) if error.is_retryable() => {
            tracing::warn!(%error, "the state of record is not available yet");
            Ok(record)
        }
        Err(error) => {
            record.close().await;
            Err(failed("the state of record".to_owned(), error))
        }
    }
}

/// Opens the state of record to look at it, if there is one; else says why not. Makes no file.
pub(super) async fn open_existing(settings: &Values, clock: Arc<dyn Clock>) -> Result<Existing, BeeError> {
    if let Some(path) = file(settings).filter(|path| !path.exists()) {
        return Ok(Err(format!("{} is created when the finance bee starts", path.display())));
    }
    Ok(Ok(open(settings, clock).await?))
}

/// A state of record, or the reason why there is none yet.
pub(super) type Existing = Result<Arc<dyn Record>, String>;

/// Looks at the state of record, if one is set.
pub(super) async fn check(settings: &Values, clock: Arc<dyn Clock>) -> Result<Check, BeeError> {
    if !WAYS.iter().any(|(_, setting)| settings.is_set(setting)) {
        return Ok(Check::Skipped("no state of record is set here".to_owned()));
    }
    let record = match open_existing(settings, clock).await? {
        Ok(record) => record,
        Err(why) => return Ok(Check::Skipped(why)),
    };
    let checked = record.check().await;
    record.close().await;
    Ok(Check::Good(accepts(settings, &checked.map_err(refuses)?)))
}

/// Returns the words for a state of record that is ready.
pub(super) fn accepts(settings: &Values, readiness: &Readiness) -> String {
    let accepts = format!("the state of record accepts events: {}", place(settings));
    std::iter::once(accepts).chain(advice(readiness)).collect::<Vec<_>>().join("; ")
}

/// Converts the error of a state of record that is not ready.
pub(super) fn refuses(error: RecordError) -> BeeError {
    failed(error.to_string(), error)
}

/// Returns the advice for what events alone did not tell.
fn advice(readiness: &Readiness) -> Vec<String> {
    let Readiness { uncertain, incomplete, .. } = readiness;
    let orders = (*uncertain > 0).then(|| {
        format!(
            "{uncertain} objects have events that bear one second and whose order is not certain (`order_uncertain` in the \
             tables): set `finance.stripe_secret_key`, so that such objects are read at Stripe"
        )
    });
    let items = (*incomplete > 0).then(|| {
        format!(
            "{incomplete} subscriptions have more items than their events show (`items_incomplete`): set \
             `finance.stripe_secret_key`, and run `finance.reconcile`"
        )
    });
    orders.into_iter().chain(items).collect()
}

/// Returns the file, where the state of record is one.
pub fn file(settings: &Values) -> Option<PathBuf> {
    match choose(settings) {
        Ok("sqlite") => settings.path(&SQLITE),
        _ => None,
    }
}

/// Names the place of the state of record, without a secret.
fn place(settings: &Values) -> String {
    match (file(settings), choose(settings)) {
        (Some(path), _) => path.display().to_string(),
        (None, Ok("supabase")) => settings.text(&SUPABASE_URL).unwrap_or_default().to_owned(),
        (None, _) => "the Postgres of `finance.database_url`".to_owned(),
    }
}

/// Returns the URL of the Postgres that is set, whatever state of record is chosen.
pub(super) fn database_url(settings: &Values) -> Option<SecretString> {
    settings.secret(&DATABASE_URL)
}

fn postgres(settings: &Values) -> Result<PostgresRecord, SettingError> {
    let url = settings.secret(&DATABASE_URL).ok_or_else(|| SettingError::missing(&DATABASE_URL))?;
    PostgresRecord::new(&url).map_err(|error| unusable(&error))
}

/// Returns the one that is set, or the one that `finance.record` chooses.
fn choose(settings: &Values) -> Result<&str, SettingError> {
    if let Some(word) = settings.text(&RECORD) {
        return match WAYS.iter().find(|(way, _)| *way == word) {
            Some((way, setting)) if settings.is_set(setting) => Ok(way),
            Some((_, setting)) => Err(SettingError::missing(setting)),
            None => Err(SettingError::missing(&RECORD)),
        };
    }
    let set: Vec<_> = WAYS.into_iter().filter(|(_, setting)| settings.is_set(setting)).collect();
    match set.as_slice() {
        [(way, _)] => Ok(way),
        [] => Err(SettingError::new("no state of record is set")
            .with_hint("set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, or DATABASE_URL, or `finance.sqlite`")),
        [(first, _), .., (last, _)] => {
            Err(SettingError::new(format!("more than one state of record is set: {first} and {last}"))
                .with_hint(format!("say which with `finance.record`, for example APIARY_FINANCE_RECORD={first}")))
        }
    }
}

/// Converts the error of a key or a URL for Stripe.
pub(super) fn stripe_unusable(error: StripeError) -> BeeError {
    BeeError::Setting(SettingError::new(error.to_string()))
}

fn unusable(error: &RecordError) -> SettingError {
    SettingError::new(error.to_string())
}

fn failed(what: String, error: RecordError) -> BeeError {
    match error.is_retryable() {
        true => BeeError::Unavailable { what, source: error.into() },
        false => BeeError::Failed { what, source: error.into() },
    }
}
