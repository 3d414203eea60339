//! Errors of calls to Stripe, with advice.

use std::time::Duration;

use crate::outbound::{CallError, Severity, not_asked_words};

/// An error of a call to Stripe. Never holds a key or the contents of an object.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StripeError {
    /// Unreachable, no answer in time, or a fault of Stripe's.
    #[error("Stripe is unavailable: {what}")]
    Unavailable {
        /// Description of the fault.
        what: String,
        /// Wait that Stripe asks for (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// Too many calls, also of other programs with the same account.
    #[error("Stripe takes no more calls for now ({what}): lower `finance.stripe_rate` if this goes on")]
    RateLimited {
        /// Stripe's message.
        what: String,
        /// Wait that Stripe asks for.
        retry_after: Option<Duration>,
    },
    /// A wrong, expired or deleted key.
    #[error("Stripe does not accept the key ({what}): set `finance.stripe_secret_key` anew")]
    Key {
        /// Stripe's message.
        what: String,
    },
    /// A missing permission of the key.
    #[error("the key has no right to read {path} at Stripe: give it the permission {permission} in the dashboard")]
    Rights {
        /// Path of the call.
        path: String,
        /// The permission, in Stripe's words.
        permission: String,
    },
    /// A connected account that the key cannot act for.
    #[error("the key has no access to the account {account} ({what}): is it connected to the key's account?")]
    Account {
        /// The account's id.
        account: String,
        /// Stripe's message.
        what: String,
    },
    /// A key of the other mode than the object.
    #[error("{what}: `finance.stripe_secret_key` is of {key} mode; set the key of the other mode to read it")]
    Mode {
        /// The object and its mode.
        what: String,
        /// The key's mode.
        key: &'static str,
    },
    /// No such object: the call named an id that Stripe does not know.
    #[error("Stripe knows no {what}")]
    Missing {
        /// Kind and id, or path.
        what: String,
    },
    /// A call that Stripe rejects.
    #[error("Stripe rejects the call of {path} ({what}): report it, with the version of apiary")]
    Refused {
        /// Path of the call.
        path: String,
        /// Stripe's message.
        what: String,
    },
    /// An answer in an unknown form.
    #[error("Stripe gave an unexpected answer: {0}; check `finance.stripe_api_url`, and any proxy on the way")]
    Answer(String),
    /// An answer beyond the bound.
    #[error("Stripe's answer has more than {0} bytes: ask for smaller pages")]
    TooLarge(usize),
    /// An invalid setting.
    #[error("{0}")]
    Setting(String),
}

impl StripeError {
    /// Returns true if another attempt can succeed without a change by hand.
    pub fn is_retryable(&self) -> bool {
        self.severity() == Severity::Down
    }

    /// Returns a stable name of the condition. Errors with the same name count as one condition.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "stripe-unavailable",
            Self::RateLimited { .. } => "stripe-rate",
            Self::Key { .. } => "stripe-key",
            Self::Rights { .. } => "stripe-rights",
            Self::Account { .. } => "stripe-account",
            Self::Mode { .. } => "stripe-mode",
            Self::Missing { .. } => "stripe-missing",
            Self::Refused { .. } => "stripe-refused",
            Self::Answer(_) | Self::TooLarge(_) => "stripe-answer",
            Self::Setting(_) => "stripe-setting",
        }
    }

    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), retry_after: None }
    }
}

impl CallError for StripeError {
    fn severity(&self) -> Severity {
        match self {
            Self::Unavailable { .. } | Self::RateLimited { .. } => Severity::Down,
            Self::Key { .. } | Self::Answer(_) => Severity::Shut,
            Self::Rights { .. }
            | Self::Account { .. }
            | Self::Mode { .. }
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::TooLarge(_)
            | Self::Setting(_) => Severity::Final,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } | Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn not_asked(self, wait: Duration) -> Self {
        let told = |what: String| not_asked_words(wait, &what);
        let retry_after = Some(wait);
        match self {
            Self::RateLimited { what, .. } => Self::RateLimited { what: told(what), retry_after },
            Self::Unavailable { what, .. } => Self::Unavailable { what: told(what), retry_after },
            other => Self::Unavailable { what: told(other.to_string()), retry_after },
        }
    }
}
