//! Two customers' lives, as Stripe tells them: Ada subscribes, renews, fails to pay, recovers and leaves; Bo stays.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The version of Stripe's API that the events are of: periods are told by the subscription's items.
const API_VERSION: &str = "2025-03-31.basil";

/// Ada's subscription, which ends.
pub(super) const ADA: Who = Who { name: "ada", price: "price_demo_pro", amount: 2900 };
/// Bo's subscription, which goes on.
pub(super) const BO: Who = Who { name: "bo", price: "price_demo_team", amount: 9900 };

/// A customer with a subscription.
#[derive(Clone, Copy)]
pub(super) struct Who {
    name: &'static str,
    price: &'static str,
    amount: i64,
}

/// One event, as it is posted.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// `evt_…`
    pub(super) id: String,
    /// The body, byte by byte.
    pub(super) body: String,
}

/// Both lives up to `now`, in the order in which things happened.
pub(super) fn events(now: Timestamp) -> Vec<Event> {
    let start = now.as_second() - 66 * DAY;
    let (ada, bo) = (Life { who: ADA, start }, Life { who: BO, start: start + 20 * DAY });
    let mut told = vec![
        ada.customer_created(),
        ada.checkout_completed(5),
        ada.subscription("created", 6, "incomplete", 0),
        ada.invoice("paid", 7, 0),
        ada.subscription("updated", 8, "active", 0),
        ada.subscription("updated", 30 * DAY, "active", 1),
        ada.invoice("paid", 30 * DAY + 3600, 1),
        bo.customer_created(),
        bo.checkout_completed(4),
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

/// An event that Stripe never sent: it would end Bo's subscription.
pub(super) fn forgery(now: Timestamp) -> Event {
    let life = Life { who: BO, start: now.as_second() - 46 * DAY };
    let mut event = life.subscription("deleted", 46 * DAY, "canceled", 1);
    event["id"] = json!("evt_demo_forged");
    sent(&event)
}

impl Who {
    /// `sub_…`
    pub(super) fn subscription_id(self) -> String {
        format!("sub_demo_{}", self.name)
    }

    /// `cus_…`
    pub(super) fn customer_id(self) -> String {
        format!("cus_demo_{}", self.name)
    }

    /// The user in the application that sells.
    pub(super) fn user_id(self) -> String {
        format!("user-{}", self.name)
    }
}

struct Life {
    who: Who,
    /// When it began.
    start: i64,
}

impl Life {
    fn customer_created(&self) -> Value {
        let object = json!({
            "id": self.who.customer_id(), "object": "customer", "created": self.start, "livemode": false,
            "email": format!("{}@example.com", self.who.name), "name": self.who.name,
            "metadata": { "user_id": self.who.user_id() },
        });
        self.event("customer.created", 0, &object)
    }

    fn checkout_completed(&self, after: i64) -> Value {
        let object = json!({
            "id": format!("cs_demo_{}", self.who.name), "object": "checkout.session", "livemode": false,
            "mode": "subscription", "status": "complete", "payment_status": "paid",
            "customer": self.who.customer_id(), "subscription": self.who.subscription_id(),
            "client_reference_id": self.who.user_id(), "amount_total": self.who.amount, "currency": "eur",
            "customer_details": { "email": format!("{}@example.com", self.who.name), "name": self.who.name },
            "metadata": {},
        });
        self.event("checkout.session.completed", after, &object)
    }

    fn subscription(&self, what: &str, after: i64, status: &str, period: i64) -> Value {
        let ended = (what == "deleted").then_some(self.start + after);
        let (start, end) = self.period(period);
        let object = json!({
            "id": self.who.subscription_id(), "object": "subscription", "livemode": false,
            "created": self.start, "start_date": self.start, "customer": self.who.customer_id(), "status": status,
            "currency": "eur", "cancel_at_period_end": false, "canceled_at": ended, "ended_at": ended,
            "latest_invoice": self.invoice_id(period), "metadata": { "user_id": self.who.user_id() },
            "items": { "object": "list", "data": [{
                "id": format!("si_demo_{}", self.who.name), "object": "subscription_item", "quantity": 1,
                "current_period_start": start, "current_period_end": end,
                "price": {
                    "id": self.who.price, "object": "price", "product": format!("prod_demo_{}", self.who.name),
                    "currency": "eur", "unit_amount": self.who.amount, "recurring": { "interval": "month" },
                },
            }] },
        });
        self.event(&format!("customer.subscription.{what}"), after, &object)
    }

    fn invoice(&self, what: &str, after: i64, period: i64) -> Value {
        let paid = if what == "paid" { self.who.amount } else { 0 };
        let object = json!({
            "id": self.invoice_id(period), "object": "invoice", "livemode": false,
            "created": self.period(period).0, "customer": self.who.customer_id(), "currency": "eur",
            "amount_due": self.who.amount, "amount_paid": paid,
            "status": if what == "paid" { "paid" } else { "open" },
            "billing_reason": if period == 0 { "subscription_create" } else { "subscription_cycle" },
            "parent": {
                "type": "subscription_details",
                "subscription_details": { "subscription": self.who.subscription_id() },
            },
        });
        self.event(&format!("invoice.{what}"), after, &object)
    }

    fn invoice_id(&self, period: i64) -> String {
        format!("in_demo_{}_{}", self.who.name, period + 1)
    }

    fn period(&self, number: i64) -> (i64, i64) {
        (self.start + number * 30 * DAY, self.start + (number + 1) * 30 * DAY)
    }

    fn event(&self, kind: &str, after: i64, object: &Value) -> Value {
        json!({
            "id": null, "object": "event", "api_version": API_VERSION, "created": self.start + after,
            "livemode": false, "pending_webhooks": 1, "type": kind, "data": { "object": object },
            "request": { "id": null, "idempotency_key": null },
        })
    }
}

fn sent(event: &Value) -> Event {
    // Stripe's own bodies are printed with two spaces, too; what counts is that the bytes are signed as they are.
    let body = serde_json::to_string_pretty(event).unwrap_or_default();
    Event { id: event["id"].as_str().unwrap_or_default().to_owned(), body }
}
