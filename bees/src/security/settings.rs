//! The settings of the security bee.

use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use apiary_settings::{Kind, Setting, SettingError, Values};

use super::evaluate::Thresholds;
use super::hygiene::Ages;
use super::supabase::Accounts;

const USED_BY: &str = "`apiary bee security`, `apiary up`";
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

const THRESHOLDS: Setting = Setting::new(
    "security.thresholds",
    Kind::List,
    USED_BY,
    "thresholds of rules instead of their own, such as `failed-signatures=20` or `old-key=off` (`docs/security-bee.md`)",
);
const KEY_AGE_DAYS: Setting = Setting::new(
    "security.key_age_days",
    Kind::Integer { least: 1, most: 3650 },
    USED_BY,
    "days after its first grant at which a key should have been rotated",
)
.default("100");
const GRANT_ENDS_DAYS: Setting = Setting::new(
    "security.grant_ends_days",
    Kind::Integer { least: 1, most: 365 },
    USED_BY,
    "days before the end of a grant at which it is reported",
)
.default("14");
const SILENT_HOURS: Setting = Setting::new(
    "security.silent_hours",
    Kind::Integer { least: 1, most: 8760 },
    USED_BY,
    "hours without a sign of an executor at which it is reported",
)
.default("24");
const PLAN_MINUTES: Setting = Setting::new(
    "security.plan_minutes",
    Kind::Integer { least: 1, most: 1440 },
    USED_BY,
    "minutes for which a dry run permits the response that it planned",
)
.default("15");
const ROAMING: Setting = Setting::new(
    "security.roaming",
    Kind::List,
    USED_BY,
    "names of grants whose keys are used from ever new networks, such as those of a CI service or of functions at Vercel",
);
const PAYMENT_FUNCTIONS: Setting = Setting::new(
    "security.payment_functions",
    Kind::List,
    USED_BY,
    "functions whose failures and dead letters count as those of payments",
)
.default("stripe.event");
const SUPABASE_URL: Setting = Setting::new(
    "security.supabase_url",
    Kind::Text,
    USED_BY,
    "the Supabase project whose accounts may be locked, https://….supabase.co",
);
const SUPABASE_SERVICE_ROLE_KEY: Setting = Setting::new(
    "security.supabase_service_role_key",
    Kind::Text,
    USED_BY,
    "the service-role key of that project; without it no account is locked",
)
.secret();

/// Every setting, in the order in which they are shown.
pub(super) const ALL: [Setting; 9] = [
    THRESHOLDS,
    KEY_AGE_DAYS,
    GRANT_ENDS_DAYS,
    SILENT_HOURS,
    PLAN_MINUTES,
    ROAMING,
    PAYMENT_FUNCTIONS,
    SUPABASE_URL,
    SUPABASE_SERVICE_ROLE_KEY,
];

/// The settings, read.
pub(super) struct Config {
    /// Thresholds of the rules.
    pub(super) thresholds: Thresholds,
    /// Ages of keys, grants and executors.
    pub(super) ages: Ages,
    /// The time for which a dry run holds.
    pub(super) plan_time: Duration,
    /// Names of grants whose new networks are no news.
    pub(super) roaming: Vec<String>,
    /// The functions of payments.
    pub(super) payment_functions: Vec<String>,
    /// The accounts that may be locked, if there are any.
    pub(super) accounts: Option<Accounts>,
}

/// Reads the settings.
pub(super) fn read(values: &Values, clock: Arc<dyn Clock>) -> Result<Config, SettingError> {
    let thresholds = Thresholds::read(values.list(&THRESHOLDS))
        .map_err(|words| SettingError::new(format!("`{}`: {words}", THRESHOLDS.key)))?;
    let number = |setting, unset: i64| match i64::try_from(values.integer(setting)) {
        Ok(number @ 1..) => number,
        _ => unset,
    };
    Ok(Config {
        thresholds,
        ages: Ages {
            key_ms: number(&KEY_AGE_DAYS, 100).saturating_mul(DAY_MS),
            grant_ends_ms: number(&GRANT_ENDS_DAYS, 14).saturating_mul(DAY_MS),
            silent_ms: number(&SILENT_HOURS, 24).saturating_mul(HOUR_MS),
        },
        plan_time: Duration::from_secs(number(&PLAN_MINUTES, 15).unsigned_abs().saturating_mul(60)),
        roaming: values.list(&ROAMING).to_vec(),
        payment_functions: values.list(&PAYMENT_FUNCTIONS).to_vec(),
        accounts: accounts(values, clock)?,
    })
}

fn accounts(values: &Values, clock: Arc<dyn Clock>) -> Result<Option<Accounts>, SettingError> {
    let key = values.secret(&SUPABASE_SERVICE_ROLE_KEY);
    match (values.text(&SUPABASE_URL), key) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(SettingError::missing(&SUPABASE_URL)),
        (Some(_), None) => Err(SettingError::missing(&SUPABASE_SERVICE_ROLE_KEY)),
        (Some(url), Some(key)) => Accounts::new(url, &key, clock)
            .map(Some)
            .map_err(|error| SettingError::new(format!("`{}` and its key: {error}", SUPABASE_URL.key))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use apiary_identity::SystemClock;
    use apiary_settings::Value;

    use super::*;

    fn opened(values: &Values) -> Result<Config, SettingError> {
        read(values, Arc::new(SystemClock))
    }

    fn with(setting: &Setting, text: &str) -> Values {
        let value = setting.kind.read(text).unwrap();
        Values::default().with(vec![(setting, value)], Path::new("test"))
    }

    #[test]
    fn without_settings_there_are_those_of_the_page() {
        let config = opened(&Values::default()).unwrap();
        assert_eq!((config.ages.key_ms, config.plan_time.as_secs()), (100 * DAY_MS, 900));
        assert!(config.accounts.is_none());
    }

    #[test]
    fn half_of_the_access_to_accounts_is_a_mistake() {
        for (setting, text) in [
            (&SUPABASE_URL, "https://x.supabase.co"),
            (&SUPABASE_SERVICE_ROLE_KEY, "hunter2"),
            (&THRESHOLDS, "weather=1"),
        ] {
            let error = opened(&with(setting, text)).err().unwrap().to_string();
            assert!(error.contains("security.") && !error.contains("hunter2"), "{error}");
        }
        let both = vec![
            (&SUPABASE_URL, Value::Text("http://x.supabase.co".to_owned())),
            (&SUPABASE_SERVICE_ROLE_KEY, Value::Text("hunter2".to_owned())),
        ];
        let error = opened(&Values::default().with(both, Path::new("test"))).err().unwrap().to_string();
        assert!(error.contains("not encrypted") && !error.contains("hunter2"), "{error}");
    }
}
