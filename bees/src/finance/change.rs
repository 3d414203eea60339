//! Changes that one event makes to the state of record, named after its columns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// An event, reduced to the values that the state of record keeps. Fields are named after columns, so that the database
/// can read the document without knowledge of Stripe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The event's own row.
    pub event: EventRow,
    /// Changes to a customer, if the event names one.
    pub customer: Option<CustomerChange>,
    /// Changes to a subscription, if the event names one.
    pub subscription: Option<SubscriptionChange>,
}

/// An event as recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRow {
    /// Live or test mode; part of every key.
    pub livemode: bool,
    /// Event id, `evt_…`.
    pub id: String,
    /// Event type, such as `customer.subscription.updated`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Stripe's timestamp, in whole seconds.
    pub created: Timestamp,
    /// Version of Stripe's API in which the event is written.
    pub api_version: Option<String>,
    /// Customer of the event.
    pub customer_id: Option<String>,
    /// Subscription of the event.
    pub subscription_id: Option<String>,
    /// Reason why the event changes no customer and no subscription.
    pub reason: Option<String>,
    /// The event as received; `None` above [`PAYLOAD_BYTES_MAX`](super::limits::PAYLOAD_BYTES_MAX).
    pub payload: Option<String>,
}

/// Changes to a customer. A register is written if its version is greater than the stored one. An empty version is
/// never greater, so it leaves the register as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomerChange {
    /// Live or test mode.
    pub livemode: bool,
    /// Customer id, `cus_…`.
    pub id: String,
    /// Version of the customer's own events; covers the five fields that follow.
    pub state_version: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Metadata, in bounds.
    pub metadata: BTreeMap<String, String>,
    /// User id in the metadata.
    pub metadata_user_id: Option<String>,
    /// True if the customer was deleted at Stripe, which is final.
    pub deleted: bool,
    /// Version of the checkout; covers the three fields that follow.
    pub checkout_version: String,
    /// E-mail address entered in the checkout.
    pub checkout_email: Option<String>,
    /// Name entered in the checkout.
    pub checkout_name: Option<String>,
    /// User id of the checkout.
    pub checkout_user_id: Option<String>,
}

/// Changes to a subscription. Versions work as in [`CustomerChange`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SubscriptionChange {
    /// Live or test mode.
    pub livemode: bool,
    /// Subscription id, `sub_…`.
    pub id: String,
    /// Version of the next field.
    pub customer_version: String,
    /// Customer of the subscription.
    pub customer_id: Option<String>,
    /// Version of the subscription's own events; covers [`Self::state`].
    pub state_version: String,
    /// State of the subscription in those events.
    #[serde(flatten)]
    pub state: SubscriptionState,
    /// Version of the checkout; covers the two fields that follow.
    pub checkout_version: String,
    /// Checkout session id, `cs_…`.
    pub checkout_session_id: Option<String>,
    /// User id of the checkout.
    pub checkout_user_id: Option<String>,
    /// Version of the invoice; covers [`Self::invoice`].
    pub invoice_version: String,
    /// Outcome of the newest invoice.
    #[serde(flatten)]
    pub invoice: InvoiceState,
}

/// Stored fields of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SubscriptionState {
    /// Status in Stripe's spelling: one of the eight known ones, or a newer one.
    pub status: Option<String>,
    /// Price of the first item, or its plan in old API versions.
    pub price_id: Option<String>,
    /// Product of the first item.
    pub product_id: Option<String>,
    /// Quantity of the first item.
    pub quantity: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Start of the earliest current period of all items.
    pub current_period_start: Option<Timestamp>,
    /// End of the latest current period of all items: the subscription is paid until then.
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
    pub metadata: BTreeMap<String, String>,
    /// User id in the metadata.
    pub metadata_user_id: Option<String>,
}

/// Stored fields of a subscription's newest invoice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InvoiceState {
    /// Invoice id, `in_…`.
    pub last_invoice_id: Option<String>,
    /// `finalized`, `action_required`, `failed`, `paid`, `voided` or `uncollectible`.
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
