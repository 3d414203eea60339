//! What one event changes, in the columns of the state of record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// One event, reduced to what the state of record keeps of it. Names are the columns' names, so that a
/// database can read the document without any knowledge of Stripe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The event's own row.
    pub event: EventRow,
    /// What it says about a customer.
    pub customer: Option<CustomerChange>,
    /// What it says about a subscription.
    pub subscription: Option<SubscriptionChange>,
}

/// An event as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRow {
    /// Live or test mode; part of every key.
    pub livemode: bool,
    /// `evt_…`
    pub id: String,
    /// Such as `customer.subscription.updated`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Stripe's time, in whole seconds.
    pub created: Timestamp,
    /// The version of Stripe's API that the event is written in.
    pub api_version: Option<String>,
    /// The customer that it is about.
    pub customer_id: Option<String>,
    /// The subscription that it is about.
    pub subscription_id: Option<String>,
    /// Why it changes nothing.
    pub reason: Option<String>,
    /// The event as it came; `None` above [`PAYLOAD_BYTES_MAX`](super::limits::PAYLOAD_BYTES_MAX).
    pub payload: Option<String>,
}

/// What an event says about a customer. A register is written if its version is greater than the stored
/// one; the empty version never is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomerChange {
    /// Live or test mode.
    pub livemode: bool,
    /// `cus_…`
    pub id: String,
    /// Version of the customer's own events; covers the five fields that follow.
    pub state_version: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Metadata, in bounds.
    pub metadata: BTreeMap<String, String>,
    /// The user that the metadata name.
    pub metadata_user_id: Option<String>,
    /// Deleted at Stripe, for good.
    pub deleted: bool,
    /// Version of the checkout; covers the three fields that follow.
    pub checkout_version: String,
    /// E-mail address entered there.
    pub checkout_email: Option<String>,
    /// Name entered there.
    pub checkout_name: Option<String>,
    /// The user that the checkout names.
    pub checkout_user_id: Option<String>,
}

/// What an event says about a subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SubscriptionChange {
    /// Live or test mode.
    pub livemode: bool,
    /// `sub_…`
    pub id: String,
    /// Version of the next field.
    pub customer_version: String,
    /// Whose subscription it is.
    pub customer_id: Option<String>,
    /// Version of the subscription's own events; covers [`Self::state`].
    pub state_version: String,
    /// The subscription as those events show it.
    #[serde(flatten)]
    pub state: SubscriptionState,
    /// Version of the checkout; covers the two fields that follow.
    pub checkout_version: String,
    /// `cs_…`
    pub checkout_session_id: Option<String>,
    /// The user that the checkout names.
    pub checkout_user_id: Option<String>,
    /// Version of the invoice; covers [`Self::invoice`].
    pub invoice_version: String,
    /// What became of the newest invoice.
    #[serde(flatten)]
    pub invoice: InvoiceState,
}

/// The fields of a subscription that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SubscriptionState {
    /// As Stripe writes it: one of its eight, or one that is new.
    pub status: Option<String>,
    /// Price (or, long ago, plan) of the first item.
    pub price_id: Option<String>,
    /// Product of the first item.
    pub product_id: Option<String>,
    /// Quantity of the first item.
    pub quantity: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Start of the earliest current period of all items.
    pub current_period_start: Option<Timestamp>,
    /// End of the latest current period of all items: paid until.
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
    pub metadata: BTreeMap<String, String>,
    /// The user that the metadata name.
    pub metadata_user_id: Option<String>,
}

/// The fields of a subscription's newest invoice that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InvoiceState {
    /// `in_…`
    pub last_invoice_id: Option<String>,
    /// `finalized`, `action_required`, `failed`, `paid`, `voided` or `uncollectible`.
    pub last_invoice_outcome: Option<String>,
    /// In the currency's smallest unit.
    pub last_invoice_amount_due: Option<i64>,
    /// In the currency's smallest unit.
    pub last_invoice_amount_paid: Option<i64>,
    /// ISO 4217, lower case.
    pub last_invoice_currency: Option<String>,
    /// When that happened.
    pub last_invoice_at: Option<Timestamp>,
}
