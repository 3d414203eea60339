//! `customer.subscription.*` events.

use jiff::Timestamp;
use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{List, Reference, object_id, reference, short_text, storable, timestamp};
use super::metadata::Metadata;
use crate::finance::change::{SubscriptionChange, SubscriptionState};
use crate::finance::version;

/// Final statuses: a subscription never leaves them.
const ENDED: [&str; 2] = ["canceled", "incomplete_expired"];

#[derive(Deserialize)]
pub(super) struct Subscription {
    id: String,
    status: String,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default)]
    items: Option<List<Item>>,
    /// The only plan of a subscription, in API versions before items.
    #[serde(default)]
    plan: Option<Price>,
    #[serde(default)]
    quantity: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    /// Moved to the items in API version 2025-03-31.basil.
    #[serde(default)]
    current_period_start: Option<i64>,
    #[serde(default)]
    current_period_end: Option<i64>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default)]
    cancel_at: Option<i64>,
    #[serde(default)]
    canceled_at: Option<i64>,
    #[serde(default)]
    ended_at: Option<i64>,
    #[serde(default)]
    trial_start: Option<i64>,
    #[serde(default)]
    trial_end: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    plan: Option<Price>,
    #[serde(default)]
    quantity: Option<i64>,
    #[serde(default)]
    current_period_start: Option<i64>,
    #[serde(default)]
    current_period_end: Option<i64>,
}

#[derive(Deserialize)]
struct Price {
    id: String,
    #[serde(default)]
    product: Option<Reference>,
    #[serde(default)]
    currency: Option<String>,
}

pub(super) fn changed(event: &Occurrence, kind: u8, subscription: Subscription) -> Result<Meaning, EventError> {
    let status = storable(&subscription.status);
    state(event, kind, subscription, status)
}

/// Reads a deletion. The stored status is a final one, even if the object says something else.
pub(super) fn deleted(event: &Occurrence, kind: u8, subscription: Subscription) -> Result<Meaning, EventError> {
    let ended = ENDED.contains(&subscription.status.as_str());
    let status = if ended { subscription.status.clone() } else { "canceled".to_owned() };
    state(event, kind, subscription, status)
}

fn state(event: &Occurrence, kind: u8, from: Subscription, status: String) -> Result<Meaning, EventError> {
    let (start, end) = from.period()?;
    let ended = ENDED.contains(&status.as_str());
    let end_s = end.map_or(0, Timestamp::as_second);
    let customer_id = reference("data.object.customer", from.customer.as_ref())?;
    let change = SubscriptionChange {
        livemode: event.livemode,
        id: object_id("data.object.id", &from.id)?,
        customer_version: customer_id.as_ref().map(|_| version::of_mention(event)).unwrap_or_default(),
        customer_id: customer_id.clone(),
        state_version: version::of_subscription_state(event, ended, kind, &status, end_s),
        state: SubscriptionState {
            status: short_text(Some(&status)),
            price_id: from.price().map(|price| storable(&price.id)),
            product_id: from.price().and_then(|price| price.product.as_ref()).map(|product| storable(product.id())),
            quantity: from.item().map_or(from.quantity, |item| item.quantity),
            currency: short_text(from.currency()),
            current_period_start: start,
            current_period_end: end,
            cancel_at_period_end: from.cancel_at_period_end,
            cancel_at: timestamp("data.object.cancel_at", from.cancel_at)?,
            canceled_at: timestamp("data.object.canceled_at", from.canceled_at)?,
            ended_at: timestamp("data.object.ended_at", from.ended_at)?,
            trial_start: timestamp("data.object.trial_start", from.trial_start)?,
            trial_end: timestamp("data.object.trial_end", from.trial_end)?,
            metadata_user_id: from.metadata.user_id(),
            metadata: from.metadata.0,
        },
        ..SubscriptionChange::default()
    };
    let customer = customer_id.map(|id| mentioned(event, &id));
    Ok(Meaning { customer, subscription: Some(change), ..Meaning::default() })
}

impl Subscription {
    fn items(&self) -> &[Item] {
        self.items.as_ref().map_or(&[], |items| &items.data)
    }

    fn item(&self) -> Option<&Item> {
        self.items().first()
    }

    fn price(&self) -> Option<&Price> {
        self.item().and_then(|item| item.price.as_ref().or(item.plan.as_ref())).or(self.plan.as_ref())
    }

    fn currency(&self) -> Option<&str> {
        self.currency.as_deref().or_else(|| self.price()?.currency.as_deref())
    }

    /// Returns the current period: of the items, which may differ in length, from the first start to the last end; of
    /// the subscription if the items have none.
    fn period(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), EventError> {
        let starts = self.items().iter().filter_map(|item| item.current_period_start);
        let ends = self.items().iter().filter_map(|item| item.current_period_end);
        Ok((
            timestamp("data.object.current_period_start", starts.min().or(self.current_period_start))?,
            timestamp("data.object.current_period_end", ends.max().or(self.current_period_end))?,
        ))
    }
}
