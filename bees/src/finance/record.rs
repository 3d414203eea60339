//! The state of record, as the bee sees it.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::RecordError;
use super::limits::PAGE_MAX;

/// Where customers and subscriptions are kept.
#[async_trait]
pub trait Record: Send + Sync + 'static {
    /// Takes in one event, wholly or not at all. Safe to repeat: after a lost answer, call again.
    ///
    /// # Errors
    ///
    /// [`RecordError::is_retryable`] says whether another attempt can succeed.
    async fn apply(&self, change: &Change) -> Result<Applied, RecordError>;

    /// One page of the subscriptions, by id.
    ///
    /// # Errors
    ///
    /// As for [`Self::apply`].
    async fn subscriptions(&self, query: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError>;

    /// Makes sure that events could be applied, before any is claimed.
    ///
    /// # Errors
    ///
    /// What is missing, and what to do.
    async fn check(&self) -> Result<(), RecordError>;

    /// Lets go of connections and files. Nothing is applied after it.
    async fn close(&self) {}
}

/// What applying an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Something changed.
    Applied,
    /// Everything in it is older than what is stored; the event is recorded.
    Superseded,
    /// It says nothing about customers or subscriptions; the event is recorded.
    Ignored,
    /// This very event was taken in before.
    Duplicate,
}

impl Applied {
    /// The word in receipts and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Which subscriptions to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionQuery {
    /// Those of live mode, or those of test mode.
    pub livemode: bool,
    /// Those of one customer.
    pub customer_id: Option<String>,
    /// Those after this id: the last one of the page before.
    pub after_id: Option<String>,
    /// At most so many; never more than [`PAGE_MAX`].
    pub limit: u32,
}

impl SubscriptionQuery {
    /// The first page of all subscriptions of a mode.
    pub fn all(livemode: bool) -> Self {
        Self { livemode, customer_id: None, after_id: None, limit: PAGE_MAX }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.clamp(1, PAGE_MAX)
    }
}

/// A subscription as it is stored. Every field but the key is `None` until an event has told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Live or test mode.
    pub livemode: bool,
    /// `sub_…`
    pub id: String,
    /// `cus_…`
    pub customer_id: Option<String>,
    /// The user that the subscription's metadata, or its checkout, name.
    pub user_id: Option<String>,
    /// Stripe's word; treat one that you do not know as not active.
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
    /// End of the current period: paid until.
    pub current_period_end: Option<Timestamp>,
    /// Ends with its period.
    pub cancel_at_period_end: Option<bool>,
    /// Will end then.
    pub cancel_at: Option<Timestamp>,
    /// When its end was decided.
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Start of the trial.
    pub trial_start: Option<Timestamp>,
    /// End of the trial.
    pub trial_end: Option<Timestamp>,
    /// Metadata, in bounds.
    pub metadata: serde_json::Value,
    /// `cs_…`
    pub checkout_session_id: Option<String>,
    /// `in_…`, the newest.
    pub last_invoice_id: Option<String>,
    /// What became of it: `finalized`, `action_required`, `failed`, `paid`, `voided` or `uncollectible`.
    pub last_invoice_outcome: Option<String>,
    /// In the currency's smallest unit.
    pub last_invoice_amount_due: Option<i64>,
    /// In the currency's smallest unit.
    pub last_invoice_amount_paid: Option<i64>,
    /// ISO 4217, lower case.
    pub last_invoice_currency: Option<String>,
    /// When that became of it.
    pub last_invoice_at: Option<Timestamp>,
}
