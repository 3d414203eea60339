//! The demo's story: Ada subscribes, renews, fails to pay, recovers and leaves; Bo stays.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::events::{Customer, DAY, Life, body};

/// Ada, whose subscription ends.
pub(super) const ADA: Customer<'static> = Customer { name: "ada", price: "price_demo_pro", amount: 2900 };
/// Bo, whose subscription continues.
pub(super) const BO: Customer<'static> = Customer { name: "bo", price: "price_demo_team", amount: 9900 };

/// An event to be posted.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Event id, `evt_…`.
    pub(super) id: String,
    /// Body, in the bytes to be signed.
    pub(super) body: String,
}

/// Returns the events of both customers up to `now`, in chronological order.
pub(super) fn events(now: Timestamp) -> Vec<Event> {
    let start = now.as_second() - 66 * DAY;
    let (ada, bo) = (Life { customer: ADA, start }, Life { customer: BO, start: start + 20 * DAY });
    let mut told = vec![
        ada.customer("created", 0),
        ada.checkout("completed", 5),
        ada.subscription("created", 6, "incomplete", 0),
        ada.invoice("paid", 7, 0),
        ada.subscription("updated", 8, "active", 0),
        ada.subscription("updated", 30 * DAY, "active", 1),
        ada.invoice("paid", 30 * DAY + 3600, 1),
        bo.customer("created", 0),
        bo.checkout("completed", 4),
        bo.subscription("created", 5, "active", 0),
        bo.invoice("paid", 6, 0),
        ada.subscription("updated", 60 * DAY, "active", 2),
        ada.invoice("payment_failed", 60 * DAY + 3600, 2),
        ada.subscription("updated", 60 * DAY + 3601, "past_due", 2),
        bo.subscription("updated", 30 * DAY, "active", 1),
        bo.invoice("paid", 30 * DAY + 3600, 1),
        ada.invoice("paid", 63 * DAY, 2),
        ada.subscription("updated", 63 * DAY + 1, "active", 2),
        ada.subscription("deleted", 65 * DAY, "canceled", 2),
    ];
    told.iter_mut().enumerate().for_each(|(number, event)| event["id"] = json!(format!("evt_demo{:04}", number + 1)));
    told.iter().map(sent).collect()
}

/// Returns an event that Stripe never sent: it would end Bo's subscription.
pub(super) fn forgery(now: Timestamp) -> Event {
    let life = Life { customer: BO, start: now.as_second() - 46 * DAY };
    let mut event = life.subscription("deleted", 46 * DAY, "canceled", 1);
    event["id"] = json!("evt_demo_forged");
    sent(&event)
}

fn sent(event: &Value) -> Event {
    Event { id: event["id"].as_str().unwrap_or_default().to_owned(), body: body(event) }
}
