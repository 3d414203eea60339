//! `customer.subscription.*` events.

use jiff::Timestamp;
use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{List, Reference, object_id, reference, short_text, storable, timestamp};
use super::item::{Item, Price};
use super::metadata::Metadata;
use crate::finance::change::{SubscriptionChange, SubscriptionState};
use crate::finance::version;

/// Final statuses: a subscription never leaves them.
const ENDED: [&str; 2] = ["canceled", "incomplete_expired"];

#[derive(Deserialize)]
pub(super) struct Subscription {
    id: String,
    status: String,
    customer: Option<Reference>,
    customer_account: Option<String>,
    items: Option<List<Item>>,
    /// The only plan of a subscription, in API versions before items.
    plan: Option<Price>,
    quantity: Option<i64>,
    currency: Option<String>,
    /// Moved to the items in API version 2025-03-31.basil.
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    trial_start: Option<i64>,
    trial_end: Option<i64>,
    pause_collection: Option<PauseCollection>,
    #[serde(default)]
    metadata: Metadata,
}

/// A pause of collection: the subscription goes on, its invoices are not collected.
#[derive(Deserialize)]
struct PauseCollection {
    behavior: Option<String>,
    resumes_at: Option<i64>,
}

pub(super) fn changed(event: &Occurrence, subscription: Subscription) -> Result<Meaning, EventError> {
    let status = storable(&subscription.status);
    state(event, subscription, status)
}

/// Reads a deletion. The stored status is a final one, even if the object says something else.
pub(super) fn deleted(event: &Occurrence, subscription: Subscription) -> Result<Meaning, EventError> {
    let ended = ENDED.contains(&subscription.status.as_str());
    let status = if ended { subscription.status.clone() } else { "canceled".to_owned() };
    state(event, subscription, status)
}

fn state(event: &Occurrence, mut from: Subscription, status: String) -> Result<Meaning, EventError> {
    from.take_old_plan();
    from.share_old_period();
    let (start, end) = from.period()?;
    let ended = ENDED.contains(&status.as_str());
    let customer_id = reference("data.object.customer", from.customer.as_ref())?;
    let state_version = version::of_state(event, ended);
    let rows = from.items().iter().enumerate().map(|(position, item)| item.row(position, &state_version));
    let items = rows.collect::<Result<_, _>>()?;
    let has_more = from.items.as_ref().is_some_and(|items| items.has_more == Some(true));
    let pause = from.pause_collection.as_ref();
    let mention = customer_id.as_ref().map(|id| version::of_mention(event, id));
    let change = SubscriptionChange {
        account: event.account.clone(),
        livemode: event.livemode,
        id: object_id("data.object.id", &from.id)?,
        customer_version: mention.unwrap_or_default(),
        customer_id: customer_id.clone(),
        items_version: if has_more { String::new() } else { state_version.clone() },
        state_version,
        state: SubscriptionState {
            status: short_text(Some(&status)),
            customer_account: short_text(from.customer_account.as_deref()),
            price_id: from.price().map(Price::id),
            product_id: from.price().and_then(Price::product_id),
            quantity: from.plan_item().map_or(from.quantity, Item::quantity),
            currency: short_text(from.currency()),
            current_period_start: start,
            current_period_end: end,
            cancel_at_period_end: from.cancel_at_period_end,
            cancel_at: timestamp("data.object.cancel_at", from.cancel_at)?,
            canceled_at: timestamp("data.object.canceled_at", from.canceled_at)?,
            ended_at: timestamp("data.object.ended_at", from.ended_at)?,
            trial_start: timestamp("data.object.trial_start", from.trial_start)?,
            trial_end: timestamp("data.object.trial_end", from.trial_end)?,
            pause_collection_behavior: short_text(pause.map(|pause| pause.behavior.as_deref().unwrap_or("unknown"))),
            pause_collection_resumes_at: timestamp(
                "data.object.pause_collection.resumes_at",
                pause.and_then(|pause| pause.resumes_at),
            )?,
            metadata_user_id: from.metadata.user_id(),
            metadata: from.metadata.0,
        },
        items,
        ..SubscriptionChange::default()
    };
    let customer = customer_id.map(|id| mentioned(event, &id));
    Ok(Meaning { customer, subscription: Some(change), ..Meaning::default() })
}

impl Subscription {
    fn items(&self) -> &[Item] {
        self.items.as_ref().map_or(&[], |items| &items.data)
    }

    /// Makes an item of the subscription's own plan, where it has no items.
    fn take_old_plan(&mut self) {
        if self.items().is_empty()
            && let Some(plan) = self.plan.take()
        {
            self.items = Some(List { data: vec![Item::of_plan(plan, self.quantity)], has_more: None });
        }
    }

    /// Gives the subscription's own period, in API versions in which it has one, to the items, all of which have it.
    fn share_old_period(&mut self) {
        for item in self.items.iter_mut().flat_map(|items| &mut items.data) {
            if item.current_period_start.is_none() && item.current_period_end.is_none() {
                item.current_period_start = self.current_period_start;
                item.current_period_end = self.current_period_end;
            }
        }
    }

    /// Returns the item that shows the plan: the first that is not metered, because a metered one beside it counts usage
    /// of the same plan; the first of all if each is metered.
    fn plan_item(&self) -> Option<&Item> {
        self.items().iter().find(|item| !item.is_metered()).or_else(|| self.items().first())
    }

    fn price(&self) -> Option<&Price> {
        self.plan_item().and_then(Item::price)
    }

    fn currency(&self) -> Option<&str> {
        self.currency.as_deref().or_else(|| self.price()?.currency())
    }

    /// Returns the current period: the time that the periods of all items have in common, which is the one period of items
    /// of one length. All is paid until the first ends; where the renewal fails, the one that began last is not paid.
    /// Metered items are billed afterwards, so they count only if there are no others.
    fn period(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), EventError> {
        let is_prepaid = |item: &&Item| !item.is_metered() && item.current_period_end.is_some();
        let has_prepaid = self.items().iter().any(|item| is_prepaid(&item));
        let items = || self.items().iter().filter(|item| !has_prepaid || is_prepaid(item));
        let start = items().filter_map(|item| item.current_period_start).max();
        let end = items().filter_map(|item| item.current_period_end).min();
        Ok((
            timestamp("data.object.current_period_start", start.or(self.current_period_start))?,
            timestamp("data.object.current_period_end", end.or(self.current_period_end))?,
        ))
    }
}
