//! The settings of the access to Stripe's API.

use std::sync::Arc;

use apiary_identity::Clock;
use apiary_settings::{Kind, Setting, Values};

use super::client::{ANSWER_TIMEOUT, StripeApi, StripeConfig};
use super::error::StripeError;
use super::key::StripeKey;
use crate::outbound::Retries;

const USED_BY: &str = "`apiary bee finance`, `apiary record diff`";
/// Calls a second in live mode, of the 100 that Stripe allows an account, and the 25 for one kind of object.
const RATE_LIVE: u32 = 20;
/// Calls a second in test mode, of the 25 that Stripe allows an account.
const RATE_TEST: u32 = 10;

const STRIPE_SECRET_KEY: Setting = Setting::new(
    "finance.stripe_secret_key",
    Kind::Text,
    USED_BY,
    "Stripe's API key, best a restricted one that may only read (`docs/stripe.md`)",
)
.secret()
.also(&["STRIPE_SECRET_KEY"]);
const STRIPE_API_URL: Setting =
    Setting::new("finance.stripe_api_url", Kind::Text, USED_BY, "the server of Stripe's API")
        .default("https://api.stripe.com");
const STRIPE_RATE: Setting = Setting::new(
    "finance.stripe_rate",
    Kind::Integer { least: 1, most: 100 },
    USED_BY,
    "calls to Stripe's API a second; unset: 20 with a key of live mode, 10 with one of test mode",
);

/// Every setting of the access, in the order in which they are shown.
pub(in crate::finance) const SETTINGS: [Setting; 3] = [STRIPE_SECRET_KEY, STRIPE_API_URL, STRIPE_RATE];

/// Opens the access; `None` if no key is set.
///
/// # Errors
///
/// [`StripeError::Setting`] for a key or a URL that cannot be used.
pub fn open(settings: &Values, clock: Arc<dyn Clock>) -> Result<Option<Arc<StripeApi>>, StripeError> {
    let Some(key) = settings.secret(&STRIPE_SECRET_KEY) else { return Ok(None) };
    let key = StripeKey::read(&key)?;
    let rate = match u32::try_from(settings.integer(&STRIPE_RATE)) {
        Ok(rate @ 1..) => rate,
        _ if key.is_live() => RATE_LIVE,
        _ => RATE_TEST,
    };
    let url = settings.text(&STRIPE_API_URL).unwrap_or_default().to_owned();
    let config = StripeConfig { url, key, rate, retries: Retries::default(), timeout: ANSWER_TIMEOUT };
    StripeApi::new(config, clock).map(|api| Some(Arc::new(api)))
}
