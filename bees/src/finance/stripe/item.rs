//! Items of a subscription, and the price of each.

use serde::Deserialize;

use super::EventError;
use super::field::{Reference, object_id, short_text, storable, timestamp};
use crate::finance::change;

#[derive(Deserialize)]
pub(super) struct Item {
    id: Option<String>,
    price: Option<Price>,
    plan: Option<Price>,
    quantity: Option<i64>,
    pub(super) current_period_start: Option<i64>,
    pub(super) current_period_end: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Price {
    id: String,
    product: Option<Reference>,
    currency: Option<String>,
    unit_amount: Option<i64>,
    /// A plan's name of `unit_amount`.
    amount: Option<i64>,
    recurring: Option<Recurring>,
    /// A plan has the fields of `recurring` itself.
    interval: Option<String>,
    interval_count: Option<i64>,
    usage_type: Option<String>,
}

#[derive(Deserialize)]
struct Recurring {
    interval: Option<String>,
    interval_count: Option<i64>,
    usage_type: Option<String>,
}

impl Item {
    /// Makes an item of the only plan of a subscription, in API versions before items.
    pub(super) fn of_plan(plan: Price, quantity: Option<i64>) -> Self {
        Self { id: None, price: None, plan: Some(plan), quantity, current_period_start: None, current_period_end: None }
    }

    pub(super) fn price(&self) -> Option<&Price> {
        self.price.as_ref().or(self.plan.as_ref())
    }

    pub(super) fn quantity(&self) -> Option<i64> {
        self.quantity
    }

    /// Returns true if usage is billed. Where the price does not say so, an item without a quantity counts as metered.
    pub(super) fn is_metered(&self) -> bool {
        match self.price().and_then(Price::usage_type) {
            Some(usage_type) => usage_type == "metered",
            None => self.quantity.is_none(),
        }
    }

    /// Returns the row of the item at this position, as shown by the event of this version.
    pub(super) fn row(&self, position: usize, version: &str) -> Result<change::Item, EventError> {
        let price = self.price();
        Ok(change::Item {
            id: match &self.id {
                Some(id) => object_id("data.object.items.data.id", id)?,
                None => format!("#{position}"),
            },
            version: version.to_owned(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            price_id: price.map(Price::id),
            product_id: price.and_then(Price::product_id),
            quantity: self.quantity,
            metered: self.is_metered(),
            currency: short_text(price.and_then(|price| price.currency.as_deref())),
            unit_amount: price.and_then(|price| price.unit_amount.or(price.amount)),
            interval: short_text(price.and_then(Price::interval)),
            interval_count: price.and_then(Price::interval_count),
            current_period_start: timestamp("data.object.items.data.current_period_start", self.current_period_start)?,
            current_period_end: timestamp("data.object.items.data.current_period_end", self.current_period_end)?,
        })
    }
}

impl Price {
    pub(super) fn id(&self) -> String {
        storable(&self.id)
    }

    pub(super) fn product_id(&self) -> Option<String> {
        self.product.as_ref().map(|product| storable(product.id()))
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    fn interval(&self) -> Option<&str> {
        self.interval.as_deref().or_else(|| self.recurring.as_ref()?.interval.as_deref())
    }

    fn interval_count(&self) -> Option<i64> {
        self.interval_count.or_else(|| self.recurring.as_ref()?.interval_count)
    }

    fn usage_type(&self) -> Option<&str> {
        self.usage_type.as_deref().or_else(|| self.recurring.as_ref()?.usage_type.as_deref())
    }
}
