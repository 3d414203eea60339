//! `subscription_schedule.*` events.

use serde::Deserialize;
use serde_json::{Value, json};

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, storable, timestamp};
use super::metadata::Metadata;
use super::object::Columns;

/// Final statuses of a schedule.
const ENDED: [&str; 3] = ["canceled", "completed", "released"];

#[derive(Deserialize)]
pub(super) struct Schedule {
    id: String,
    status: Option<String>,
    customer: Option<Reference>,
    subscription: Option<Reference>,
    released_subscription: Option<Reference>,
    end_behavior: Option<String>,
    current_phase: Option<Span>,
    #[serde(default)]
    phases: Vec<Phase>,
    created: Option<i64>,
    canceled_at: Option<i64>,
    completed_at: Option<i64>,
    released_at: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Span {
    start_date: i64,
    end_date: Option<i64>,
}

#[derive(Deserialize)]
struct Phase {
    start_date: i64,
    end_date: Option<i64>,
    #[serde(default)]
    items: Vec<PhaseItem>,
}

#[derive(Deserialize)]
struct PhaseItem {
    price: Option<Reference>,
    plan: Option<Reference>,
    quantity: Option<i64>,
}

pub(super) fn changed(event: &Occurrence, schedule: Schedule) -> Result<Meaning, EventError> {
    let subscription = schedule.subscription.as_ref().or(schedule.released_subscription.as_ref());
    let next = schedule.next_phase();
    let item = next.and_then(|phase| phase.items.first());
    let price = item.and_then(|item| item.price.as_ref().or(item.plan.as_ref()));
    let phases: Vec<Value> = schedule.phases.iter().map(Phase::summary).collect::<Result<_, _>>()?;
    let is_final = schedule.status.as_deref().is_some_and(|status| ENDED.contains(&status));
    let row = Columns::new()
        .set("status", schedule.status.as_deref().map(storable))
        .id("customer_id", schedule.customer.as_ref())?
        .id("subscription_id", subscription)?
        .text("end_behavior", schedule.end_behavior.as_deref())
        .time("current_phase_start", schedule.current_phase.as_ref().map(|phase| phase.start_date))?
        .time("current_phase_end", schedule.current_phase.as_ref().and_then(|phase| phase.end_date))?
        .id("next_price_id", price)?
        .set("next_quantity", item.and_then(|item| item.quantity))
        .time("next_at", next.map(|phase| phase.start_date))?
        .set("phases", phases)
        .time("created", schedule.created)?
        .time("canceled_at", schedule.canceled_at)?
        .time("completed_at", schedule.completed_at)?
        .time("released_at", schedule.released_at)?
        .metadata(schedule.metadata)
        .row(event, "schedules", &schedule.id, is_final)?;
    Meaning::of_object(event, row, schedule.customer.as_ref())
}

impl Schedule {
    /// Returns the phase that follows the current one; none follows in a schedule that has ended.
    fn next_phase(&self) -> Option<&Phase> {
        if self.status.as_deref().is_some_and(|status| ENDED.contains(&status)) {
            return None;
        }
        let current_s = self.current_phase.as_ref().map_or(i64::MIN, |phase| phase.start_date);
        self.phases.iter().filter(|phase| phase.start_date > current_s).min_by_key(|phase| phase.start_date)
    }
}

impl Phase {
    fn summary(&self) -> Result<Value, EventError> {
        let time = |seconds| Ok(timestamp("data.object.phases", seconds)?.map(|at| at.to_string()));
        let items: Vec<Value> = self.items.iter().map(PhaseItem::summary).collect();
        Ok(json!({"start": time(Some(self.start_date))?, "end": time(self.end_date)?, "items": items}))
    }
}

impl PhaseItem {
    fn summary(&self) -> Value {
        let price = self.price.as_ref().or(self.plan.as_ref()).map(|price| storable(price.id()));
        json!({"price_id": price, "quantity": self.quantity})
    }
}
