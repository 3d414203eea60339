//! Changes that one event makes to the state of record, named after its columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::version;

/// An event, reduced to the values that the state of record keeps. Fields are named after columns, so that the database
/// can read the document without knowledge of Stripe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The event's own row.
    pub event: EventRow,
    /// Changes to a customer, if the event names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerChange>,
    /// Changes to a subscription, if the event names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionChange>,
    /// The row of any other object, if the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectChange>,
}

impl Change {
    /// Returns true if the change writes nothing but the event's own row.
    pub fn is_empty(&self) -> bool {
        self.customer.is_none() && self.subscription.is_none() && self.object.is_none()
    }

    /// Returns the version of the state of the object that the event is about; empty if it writes none.
    pub(super) fn state_version(&self) -> &str {
        let object = self.object.as_ref().map(|object| &object.state_version);
        let subscription = self.subscription.as_ref().map(|changed| &changed.state_version);
        let customer = self.customer.as_ref().map(|customer| &customer.state_version);
        let versions = [object, subscription, customer].into_iter().flatten();
        versions.map(String::as_str).find(|version| !version.is_empty()).unwrap_or_default()
    }

    /// Returns true if both changes write the same values, whatever their events and versions.
    pub(super) fn writes_the_same(&self, other: &Self) -> bool {
        let values = |change: &Self| {
            let mut change = change.clone();
            let shows_every_item = change.subscription.as_ref().is_none_or(SubscriptionChange::shows_every_item);
            change.for_each_version(String::clear);
            if let Some(subscription) = &mut change.subscription {
                subscription.customer_version.clear();
            }
            (change.customer, change.subscription, change.object, shows_every_item)
        };
        values(self) == values(other)
    }

    /// Returns true for what was read at Stripe, which is no event.
    pub(super) fn is_reading(&self) -> bool {
        self.event.payload.is_empty()
    }

    /// Adds the items that other changes of the subscription show, unless this one shows all. Called on a decision, whose
    /// version is greater than those of the changes that it was made of.
    pub(super) fn add_items<'a>(&mut self, others: impl Iterator<Item = &'a Self>) {
        let Some(own) = self.subscription.as_mut().filter(|own| !own.shows_every_item()) else { return };
        let mut more: BTreeMap<String, Item> = BTreeMap::new();
        for other in others.filter_map(|other| other.subscription.as_ref()) {
            if other.shows_every_item() && other.state_version > own.items_version {
                own.items_version.clone_from(&other.state_version);
            }
            // What was written of one of these changes alone must give way to the decision on all.
            let is_same_moment = version::moment(&other.state_version) == version::moment(&own.state_version);
            for item in other.items.iter().filter(|item| own.items.iter().all(|known| known.id != item.id)) {
                let version = if is_same_moment { &own.state_version } else { &item.version };
                let item = Item { version: version.clone(), ..item.clone() };
                match more.get(&item.id) {
                    Some(known) if known.rank() >= item.rank() => {}
                    _ => drop(more.insert(item.id.clone(), item)),
                }
            }
        }
        own.items.extend(more.into_values());
    }

    /// Sets the revision of the object's state within its second, and what is known of its order.
    pub(super) fn revise(&mut self, revision: u32, is_uncertain: bool, is_open: bool) {
        self.for_each_version(|version| version::revise(version, revision));
        if let Some(customer) = self.customer.as_mut().filter(|customer| !customer.state_version.is_empty()) {
            (customer.order_uncertain, customer.order_open) = (is_uncertain, is_open);
        }
        if let Some(subscription) = self.subscription.as_mut().filter(|changed| !changed.state_version.is_empty()) {
            (subscription.order_uncertain, subscription.order_open) = (is_uncertain, is_open);
        }
        if let Some(object) = &mut self.object {
            (object.order_uncertain, object.order_open) = (is_uncertain, is_open);
        }
    }

    /// Visits every version that depends on the order of events within a second.
    fn for_each_version(&mut self, visit: impl Fn(&mut String)) {
        if let Some(customer) = &mut self.customer {
            visit(&mut customer.state_version);
        }
        if let Some(subscription) = &mut self.subscription {
            let before = subscription.state_version.clone();
            visit(&mut subscription.state_version);
            visit(&mut subscription.invoice_version);
            let shown = subscription.items.iter_mut().map(|item| &mut item.version);
            for version in shown.chain([&mut subscription.items_version]).filter(|version| **version == before) {
                version.clone_from(&subscription.state_version);
            }
        }
        if let Some(object) = &mut self.object {
            visit(&mut object.state_version);
        }
    }
}

/// An event as recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRow {
    /// Connected account; empty for one's own. Part of every key.
    pub account: String,
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
    /// Stripe's name of the object that the event is about, such as `subscription`.
    pub object_type: Option<String>,
    /// Id of that object.
    pub object_id: Option<String>,
    /// Customer of the event.
    pub customer_id: Option<String>,
    /// Subscription of the event.
    pub subscription_id: Option<String>,
    /// Reason why the event changes nothing.
    pub reason: Option<String>,
    /// The event as received; empty, and stored as null, for what was read at Stripe.
    #[serde(serialize_with = "text_or_null")]
    pub payload: Arc<str>,
}

fn text_or_null<S: Serializer>(payload: &str, serializer: S) -> Result<S::Ok, S::Error> {
    Some(payload).filter(|payload| !payload.is_empty()).serialize(serializer)
}

/// Changes to a customer. A register is written if its version is greater than the stored one. An empty version is
/// never greater, so it leaves the register as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomerChange {
    /// Connected account; empty for one's own.
    pub account: String,
    /// Live or test mode.
    pub livemode: bool,
    /// Customer id, `cus_…`.
    pub id: String,
    /// Version of the customer's own events; covers the seven fields that follow.
    pub state_version: String,
    /// True if the order of the events of this second is not certain.
    pub order_uncertain: bool,
    /// True if an older event could tell more of that order.
    pub order_open: bool,
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
    /// Connected account; empty for one's own.
    pub account: String,
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
    /// True if the order of the events of this second is not certain.
    pub order_uncertain: bool,
    /// True if an older event could tell more of that order.
    pub order_open: bool,
    /// State of the subscription in those events.
    #[serde(flatten)]
    pub state: SubscriptionState,
    /// Items of the subscription, in Stripe's order. Each is a register of its own.
    pub items: Vec<Item>,
    /// Version of the newest event that shows every item: items of older versions are gone. An event shows the first page
    /// of a long list only, and leaves the other items as they are.
    pub items_version: String,
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

impl SubscriptionChange {
    /// Returns false if there are more items than the change shows.
    pub fn shows_every_item(&self) -> bool {
        self.items_version == self.state_version
    }
}

/// Stored fields of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SubscriptionState {
    /// Status in Stripe's spelling: one of the eight known ones, or a newer one.
    pub status: Option<String>,
    /// Account that is the customer, in place of a customer of its own.
    pub customer_account: Option<String>,
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

/// A stored item of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Item {
    /// Item id, `si_…`; `#` and the position where Stripe shows none.
    pub id: String,
    /// Version of the event that shows it; covers the fields that follow.
    pub version: String,
    /// Position in Stripe's order, from 0.
    pub position: i64,
    /// Price id, or the plan's in old API versions.
    pub price_id: Option<String>,
    /// Product id.
    pub product_id: Option<String>,
    /// Quantity; `None` for a metered item.
    pub quantity: Option<i64>,
    /// True if usage is billed, not a quantity.
    pub metered: bool,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Price of one unit, in the currency's smallest unit.
    pub unit_amount: Option<i64>,
    /// `day`, `week`, `month` or `year`.
    pub interval: Option<String>,
    /// Number of intervals in a period.
    pub interval_count: Option<i64>,
    /// Start of the current period.
    pub current_period_start: Option<Timestamp>,
    /// End of the current period.
    pub current_period_end: Option<Timestamp>,
}

impl Item {
    /// Returns the order in which one of several versions is chosen: the newest, and of these always the same.
    fn rank(&self) -> (&str, String) {
        (&self.version, format!("{self:?}"))
    }
}

/// A row of a table whose objects are told by their own events alone: invoices, payments, charges, checkouts, refunds,
/// disputes and schedules.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObjectChange {
    /// Table, without `stripe_`.
    pub table: &'static str,
    /// Connected account; empty for one's own.
    pub account: String,
    /// Live or test mode.
    pub livemode: bool,
    /// Id of the object.
    pub id: String,
    /// Version of the object's events; covers all fields that follow.
    pub state_version: String,
    /// True if the order of the events of this second is not certain.
    pub order_uncertain: bool,
    /// True if an older event could tell more of that order.
    pub order_open: bool,
    /// Values of the other columns.
    #[serde(flatten)]
    pub columns: Map<String, Value>,
}
