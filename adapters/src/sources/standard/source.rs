//! Standard Webhooks as a source.

use std::sync::Arc;
use std::time::Duration;

use apiary_settings::{Kind, Setting, Values};

use super::config::{SECRETS_KEY, StandardConfig, TOLERANCE_KEY};
use crate::{Endpoint, Source, StartError, USED_BY};

pub(super) const NAME: &str = "standard";

const SECRETS: Setting = Setting::new(
    SECRETS_KEY,
    Kind::List,
    USED_BY,
    "secrets (whsec_…) and public keys (whpk_…) of senders that follow Standard Webhooks, or use Svix",
)
.secret();
const TOLERANCE_SECONDS: Setting =
    Setting::new(TOLERANCE_KEY, Kind::Integer { least: 1, most: 3600 }, USED_BY, "largest age of a signature")
        .default("300");
const ROUTES: Setting = Setting::new(
    "webhook.standard_routes",
    Kind::List,
    USED_BY,
    "where events go, as lines of `PATTERN = EXECUTOR_TYPE/FUNCTION`; events whose body has no `type` are `untyped`",
);

/// Standard Webhooks as a source.
pub struct Standard;

impl Source for Standard {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Events of senders that follow the specification Standard Webhooks, or use Svix"
    }

    fn settings(&self) -> &'static [Setting] {
        &[SECRETS, TOLERANCE_SECONDS, ROUTES]
    }

    fn secrets(&self) -> &'static Setting {
        &SECRETS
    }

    fn routes(&self) -> &'static Setting {
        &ROUTES
    }

    fn advice(&self) -> &'static str {
        "set APIARY_WEBHOOK_STANDARD_SECRETS to the sender's secret (whsec_…) or public key (whpk_…)"
    }

    fn open(&self, settings: &Values) -> Result<Vec<Arc<dyn Endpoint>>, StartError> {
        let mut config = StandardConfig::new(settings.secrets(&SECRETS));
        config.tolerance = Duration::from_secs(settings.integer(&TOLERANCE_SECONDS));
        Ok(vec![Arc::new(config)])
    }
}
