//! Made-up Stripe events of a customer and a subscription, for the demo and for `apiary webhook send`. Events of one
//! customer refer to each other by id.

use serde_json::{Value, json};

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// Version of Stripe's API: periods belong to the subscription's items.
const API_VERSION: &str = "2025-03-31.basil";

/// Every supported type of event, with a description.
pub(crate) const TYPES: [(&str, &str); 20] = [
    ("checkout.session.async_payment_succeeded", "a checkout's slow payment arrived"),
    ("checkout.session.completed", "a checkout was completed, and names the user"),
    ("customer.created", "there is a new customer"),
    ("customer.deleted", "a customer was deleted"),
    ("customer.subscription.created", "a customer subscribed"),
    ("customer.subscription.deleted", "a subscription ended"),
    ("customer.subscription.paused", "a trial ended without a way to pay"),
    ("customer.subscription.pending_update_applied", "a change that waited for its payment holds"),
    ("customer.subscription.pending_update_expired", "a change that waited for its payment was dropped"),
    ("customer.subscription.resumed", "a paused subscription goes on"),
    ("customer.subscription.trial_will_end", "a trial ends in three days"),
    ("customer.subscription.updated", "a subscription changed: plan, period, status"),
    ("customer.updated", "a customer changed"),
    ("invoice.finalized", "an invoice was made final"),
    ("invoice.marked_uncollectible", "an invoice was given up"),
    ("invoice.paid", "an invoice was paid"),
    ("invoice.payment_action_required", "an invoice's payment waits for the customer"),
    ("invoice.payment_failed", "an invoice's payment failed"),
    ("invoice.payment_succeeded", "an invoice's payment succeeded"),
    ("invoice.voided", "an invoice was cancelled"),
];

/// A customer with a subscription.
#[derive(Clone, Copy)]
pub(crate) struct Customer<'a> {
    /// Name, which is part of every id.
    pub(crate) name: &'a str,
    /// Price of the subscription.
    pub(crate) price: &'a str,
    /// Amount of an invoice, in cents.
    pub(crate) amount: i64,
}

/// A customer's subscription, from its start.
pub(crate) struct Life<'a> {
    pub(crate) customer: Customer<'a>,
    /// Start, in Unix seconds.
    pub(crate) start: i64,
}

impl Customer<'_> {
    /// Returns the subscription id, `sub_…`.
    pub(crate) fn subscription_id(self) -> String {
        format!("sub_demo_{}", self.name)
    }

    /// Returns the customer id, `cus_…`.
    pub(crate) fn customer_id(self) -> String {
        format!("cus_demo_{}", self.name)
    }

    /// Returns the user id in the seller's application.
    pub(crate) fn user_id(self) -> String {
        format!("user-{}", self.name)
    }
}

impl Life<'_> {
    /// Builds an event of a type of [`TYPES`], without an id: so many seconds after the start, in a billing period,
    /// with the status that the type implies. `None` for any other type.
    pub(crate) fn event(&self, kind: &str, after: i64, period: i64) -> Option<Value> {
        let (object, verb) = kind.rsplit_once('.')?;
        match (object, verb) {
            _ if !TYPES.iter().any(|(known, _)| *known == kind) => None,
            ("customer", _) => Some(self.customer(verb, after)),
            ("checkout.session", _) => Some(self.checkout(verb, after)),
            ("customer.subscription", "paused") => Some(self.subscription(verb, after, "paused", period)),
            ("customer.subscription", "deleted") => Some(self.subscription(verb, after, "canceled", period)),
            ("customer.subscription", "trial_will_end") => Some(self.subscription(verb, after, "trialing", period)),
            ("customer.subscription", _) => Some(self.subscription(verb, after, "active", period)),
            _ => Some(self.invoice(verb, after, period)),
        }
    }

    /// Builds `customer.created` and similar events.
    pub(super) fn customer(&self, verb: &str, after: i64) -> Value {
        let mut object = json!({
            "id": self.customer.customer_id(), "object": "customer", "created": self.start, "livemode": false,
            "email": format!("{}@example.com", self.customer.name), "name": self.customer.name,
            "metadata": { "user_id": self.customer.user_id() },
        });
        if verb == "deleted" {
            object["deleted"] = json!(true);
        }
        self.envelope(&format!("customer.{verb}"), after, &object)
    }

    /// Builds `checkout.session.completed` and similar events.
    pub(super) fn checkout(&self, verb: &str, after: i64) -> Value {
        let object = json!({
            "id": format!("cs_demo_{}", self.customer.name), "object": "checkout.session", "livemode": false,
            "mode": "subscription", "status": "complete", "payment_status": "paid",
            "customer": self.customer.customer_id(), "subscription": self.customer.subscription_id(),
            "client_reference_id": self.customer.user_id(), "amount_total": self.customer.amount, "currency": "eur",
            "customer_details": { "email": format!("{}@example.com", self.customer.name), "name": self.customer.name },
            "metadata": {},
        });
        self.envelope(&format!("checkout.session.{verb}"), after, &object)
    }

    /// Builds `customer.subscription.updated` and similar events.
    pub(super) fn subscription(&self, verb: &str, after: i64, status: &str, period: i64) -> Value {
        let now = self.start + after;
        let ended = (status == "canceled").then_some(now);
        let trial_end = (status == "trialing").then_some(now + 3 * DAY);
        let (start, end) = self.period(period);
        let object = json!({
            "id": self.customer.subscription_id(), "object": "subscription", "livemode": false,
            "created": self.start, "start_date": self.start, "customer": self.customer.customer_id(), "status": status,
            "currency": "eur", "quantity": 1, "cancel_at_period_end": false, "canceled_at": ended, "ended_at": ended,
            "trial_start": trial_end.map(|_| self.start), "trial_end": trial_end, "pending_update": null,
            "latest_invoice": self.invoice_id(period), "metadata": { "user_id": self.customer.user_id() },
            "items": { "object": "list", "data": [{
                "id": format!("si_demo_{}", self.customer.name), "object": "subscription_item", "quantity": 1,
                "current_period_start": start, "current_period_end": trial_end.unwrap_or(end),
                "price": {
                    "id": self.customer.price, "object": "price", "product": format!("prod_demo_{}", self.customer.name),
                    "currency": "eur", "unit_amount": self.customer.amount, "recurring": { "interval": "month" },
                },
            }] },
        });
        self.envelope(&format!("customer.subscription.{verb}"), after, &object)
    }

    /// Builds `invoice.paid` and similar events.
    pub(super) fn invoice(&self, verb: &str, after: i64, period: i64) -> Value {
        let status = match verb {
            "paid" | "payment_succeeded" => "paid",
            "voided" => "void",
            "marked_uncollectible" => "uncollectible",
            _ => "open",
        };
        let paid = if status == "paid" { self.customer.amount } else { 0 };
        let object = json!({
            "id": self.invoice_id(period), "object": "invoice", "livemode": false,
            "created": self.period(period).0, "customer": self.customer.customer_id(), "currency": "eur",
            "amount_due": self.customer.amount, "amount_paid": paid, "status": status,
            "billing_reason": if period == 0 { "subscription_create" } else { "subscription_cycle" },
            "parent": {
                "type": "subscription_details",
                "subscription_details": { "subscription": self.customer.subscription_id() },
            },
        });
        self.envelope(&format!("invoice.{verb}"), after, &object)
    }

    fn invoice_id(&self, period: i64) -> String {
        format!("in_demo_{}_{}", self.customer.name, period + 1)
    }

    fn period(&self, number: i64) -> (i64, i64) {
        (self.start + number * 30 * DAY, self.start + (number + 1) * 30 * DAY)
    }

    fn envelope(&self, kind: &str, after: i64, object: &Value) -> Value {
        json!({
            "id": null, "object": "event", "api_version": API_VERSION, "created": self.start + after,
            "livemode": false, "pending_webhooks": 1, "type": kind, "data": { "object": object },
            "request": { "id": null, "idempotency_key": null },
        })
    }
}

/// Formats the body to be signed and posted.
pub(crate) fn body(event: &Value) -> String {
    // Indented as in Stripe's own bodies, although any format would do: the signature is over the bytes.
    serde_json::to_string_pretty(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use apiary_adapters::Destination;
    use apiary_adapters::sources::stripe::StripeConfig;
    use apiary_bees::finance::Change;

    use super::*;

    #[test]
    fn every_event_is_of_a_type_that_the_finance_bee_handles() {
        let made: BTreeSet<&str> = TYPES.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(made.len(), TYPES.len(), "each once");
        let routes = StripeConfig::new(Vec::new()).receiver(&[]).unwrap().routes;
        for kind in made {
            assert!(matches!(routes.find(kind), Destination::Routed(_)), "{kind} would go nowhere");
        }
        let life = Life { customer: Customer { name: "eve", price: "price_1", amount: 1 }, start: 1_700_000_000 };
        for (kind, _) in TYPES {
            let mut event = life.event(kind, 0, 0).unwrap();
            event["id"] = json!("evt_1");
            let change = Change::from_event(body(&event).as_bytes()).unwrap();
            assert_eq!(change.event.event_type, kind);
            assert_eq!(change.event.customer_id.as_deref(), Some("cus_demo_eve"), "{kind}");
            assert_eq!(change.event.reason, None, "{kind}");
            let subscription =
                (!kind.starts_with("customer.") || kind.contains("subscription")).then_some("sub_demo_eve");
            assert_eq!(change.event.subscription_id.as_deref(), subscription, "{kind}");
        }
        assert_eq!(life.event("charge.refunded", 0, 0), None);
    }
}
