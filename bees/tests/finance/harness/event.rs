//! Events as Stripe sends them.

use std::sync::Arc;

use apiary_bees::finance::{Applied, Change, Record, RecordError, Writer};
use serde_json::{Value, json};

/// A second in November 2026; events count from it.
pub(crate) const T0: i64 = 1_795_000_000;

/// An event of the current API, in test mode.
pub(crate) fn event(id: &str, event_type: &str, created: i64, object: &Value) -> Vec<u8> {
    json!({
        "id": id, "object": "event", "api_version": "2025-03-31.basil", "created": created, "livemode": false,
        "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null}, "type": event_type,
        "data": {"object": object},
    })
    .to_string()
    .into_bytes()
}

/// The event, moved to a connected account.
pub(crate) fn of_account(event: &[u8], account: &str) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(event).unwrap();
    event["account"] = json!(account);
    event.to_string().into_bytes()
}

/// A subscription with one item, whose period is a month from `period_start`.
pub(crate) fn subscription(id: &str, customer: &str, status: &str, period_start: i64) -> Value {
    json!({
        "id": id, "object": "subscription", "customer": customer, "status": status, "currency": "eur",
        "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "trial_start": null, "trial_end": null, "metadata": {}, "livemode": false,
        "items": {"object": "list", "has_more": false, "data": [{
            "id": "si_1", "object": "subscription_item", "quantity": 1,
            "current_period_start": period_start, "current_period_end": period_start + 30 * 86_400,
            "price": {"id": "price_basic", "object": "price", "product": "prod_basic", "currency": "eur"},
        }]},
    })
}

/// An invoice of a subscription, as the current API has it.
pub(crate) fn invoice(id: &str, customer: &str, subscription: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "invoice", "customer": customer, "created": created, "currency": "eur",
        "amount_due": 1900, "amount_paid": 0, "status": "open",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": subscription}},
    })
}

/// A finished checkout of a subscription.
pub(crate) fn checkout(id: &str, customer: &str, subscription: &str, user: &str) -> Value {
    json!({
        "id": id, "object": "checkout.session", "mode": "subscription", "customer": customer,
        "subscription": subscription, "client_reference_id": user, "metadata": {},
        "customer_details": {"email": "bee@example.com", "name": "Ada Bee"},
    })
}

/// Applies an event.
pub(crate) async fn apply<R: Record>(record: &Arc<R>, event: &[u8]) -> Applied {
    record.one(&Change::from_event(event).unwrap()).await.unwrap()
}

/// Applies one event through a writer, as the bee does.
pub(crate) trait One {
    async fn one(&self, change: &Change) -> Result<Applied, RecordError>;
}

impl<R: Record> One for Arc<R> {
    async fn one(&self, change: &Change) -> Result<Applied, RecordError> {
        let record: Arc<dyn Record> = self.clone();
        Writer::new(record).apply(change.clone()).await
    }
}
