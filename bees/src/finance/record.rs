//! The interface to the state of record.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::RecordError;
use super::limits::PAGE_MAX;
use super::rows::Rows;

/// A store of customers, subscriptions and payments.
#[async_trait]
pub trait Record: Rows + 'static {
    /// Applies events in one transaction, each wholly or not at all. Returns an answer for each, in order. Safe to repeat:
    /// after a lost answer, call again.
    ///
    /// # Errors
    ///
    /// An error that concerns every event; [`RecordError::is_retryable`] returns true if another attempt can succeed.
    async fn apply(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError>;

    /// Returns one page of subscriptions, ordered by account and id.
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
    async fn check(&self) -> Result<Readiness, RecordError>;

    /// Closes connections and files. No call may follow.
    async fn close(&self) {}
}

/// Answer to one event.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Recorded.
    Done(Applied),
    /// Not recorded: other events of its object bear the same second.
    Tie(Tie),
    /// Not recorded: the answer has no room for this tie. The next call has.
    Again,
    /// Not recorded: the database refuses this event, whatever happens to others.
    Refused(RecordError),
}

/// Events among which the order must be decided.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tie {
    /// Version of the stored state.
    pub version: String,
    /// Recorded events of the object, as received: those of the stored state's second, and of the last second before.
    pub events: Vec<String>,
    /// True if there are more: beyond the bounds of an answer, or recorded without what was received.
    pub more: bool,
}

/// State of a record that accepts events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    /// Encoding of the database, such as `UTF8`.
    pub encoding: String,
    /// Number of objects whose last events bear one second, in an order that is not certain.
    pub uncertain: u64,
    /// Number of subscriptions with more items than their events showed.
    pub incomplete: u64,
}

/// Outcome of applying an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// Changed at least one register.
    Applied,
    /// Recorded without a change: every stored register is newer.
    Superseded,
    /// Recorded without a change: the event says nothing that is kept.
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
    /// Only subscriptions of this connected account; empty for one's own.
    pub account: Option<String>,
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
        Self { account: None, livemode, customer_id: None, after_id: None, limit: PAGE_MAX }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.clamp(1, PAGE_MAX)
    }
}

/// A subscription as stored. Every field but the key is `None` until an event sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Connected account; empty for one's own.
    pub account: String,
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
    /// Price of the plan: of the first item that is not metered, or else of the first.
    pub price_id: Option<String>,
    /// Product of the plan.
    pub product_id: Option<String>,
    /// Quantity of the plan.
    pub quantity: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Start of the current period; of items with several lengths, of the one that began last.
    pub current_period_start: Option<Timestamp>,
    /// End of the current period; of items with several lengths, of the one that ends first: until then all is paid.
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
    /// `void`, `keep_as_draft` or `mark_uncollectible` while invoices are not collected.
    pub pause_collection_behavior: Option<String>,
    /// Time at which collection begins again.
    pub pause_collection_resumes_at: Option<Timestamp>,
    /// True if the last events bear one second, in an order that is not certain.
    pub order_uncertain: bool,
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
