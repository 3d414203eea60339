//! The interface to the state of record.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::RecordError;
use super::limits::PAGE_MAX;

/// A store of customers and subscriptions.
#[async_trait]
pub trait Record: Send + Sync + 'static {
    /// Applies one event, wholly or not at all. Safe to repeat: after a lost answer, call again.
    ///
    /// # Errors
    ///
    /// [`RecordError::is_retryable`] returns true if another attempt can succeed.
    async fn apply(&self, change: &Change) -> Result<Applied, RecordError>;

    /// Returns one page of subscriptions, ordered by id.
    ///
    /// # Errors
    ///
    /// The same errors as [`Self::apply`].
    async fn subscriptions(&self, query: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError>;

    /// Checks that events could be applied. Called before any is claimed.
    ///
    /// # Errors
    ///
    /// The missing part, with advice.
    async fn check(&self) -> Result<(), RecordError>;

    /// Closes connections and files. No call may follow.
    async fn close(&self) {}
}

/// Outcome of applying an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Changed at least one register.
    Applied,
    /// Recorded without a change: every stored register is newer.
    Superseded,
    /// Recorded without a change: the event names no customer and no subscription.
    Ignored,
    /// The same event was recorded before.
    Duplicate,
}

impl Applied {
    /// Returns the word in receipts and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A selection of subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionQuery {
    /// True for live mode, false for test mode.
    pub livemode: bool,
    /// Only subscriptions of this customer.
    pub customer_id: Option<String>,
    /// Only subscriptions after this id: the last one of the previous page.
    pub after_id: Option<String>,
    /// Most subscriptions in the answer; capped at [`PAGE_MAX`].
    pub limit: u32,
}

impl SubscriptionQuery {
    /// Selects the first page of all subscriptions of a mode.
    pub fn all(livemode: bool) -> Self {
        Self { livemode, customer_id: None, after_id: None, limit: PAGE_MAX }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.clamp(1, PAGE_MAX)
    }
}

/// A subscription as stored. Every field but the key is `None` until an event sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Live or test mode.
    pub livemode: bool,
    /// Subscription id, `sub_…`.
    pub id: String,
    /// Customer id, `cus_…`.
    pub customer_id: Option<String>,
    /// User id from the subscription's metadata, or from its checkout.
    pub user_id: Option<String>,
    /// Status in Stripe's spelling; treat an unknown one as not active.
    pub status: Option<String>,
    /// Price of the first item.
    pub price_id: Option<String>,
    /// Product of the first item.
    pub product_id: Option<String>,
    /// Quantity of the first item.
    pub quantity: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Start of the current period.
    pub current_period_start: Option<Timestamp>,
    /// End of the current period: the subscription is paid until then.
    pub current_period_end: Option<Timestamp>,
    /// True if the subscription ends with its current period.
    pub cancel_at_period_end: Option<bool>,
    /// Scheduled end.
    pub cancel_at: Option<Timestamp>,
    /// Time of the cancellation.
    pub canceled_at: Option<Timestamp>,
    /// Time of the actual end.
    pub ended_at: Option<Timestamp>,
    /// Start of the trial.
    pub trial_start: Option<Timestamp>,
    /// End of the trial.
    pub trial_end: Option<Timestamp>,
    /// Metadata, in bounds.
    pub metadata: serde_json::Value,
    /// Checkout session id, `cs_…`.
    pub checkout_session_id: Option<String>,
    /// Id of the newest invoice, `in_…`.
    pub last_invoice_id: Option<String>,
    /// Outcome of that invoice: `finalized`, `action_required`, `failed`, `paid`, `voided` or `uncollectible`.
    pub last_invoice_outcome: Option<String>,
    /// Amount due, in the currency's smallest unit.
    pub last_invoice_amount_due: Option<i64>,
    /// Amount paid, in the currency's smallest unit.
    pub last_invoice_amount_paid: Option<i64>,
    /// ISO 4217, lower case.
    pub last_invoice_currency: Option<String>,
    /// Time of the outcome.
    pub last_invoice_at: Option<Timestamp>,
}
