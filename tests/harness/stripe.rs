//! Webhooks as Stripe sends them: an event's JSON, and `Stripe-Signature` over its bytes, by Stripe's published scheme.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// Returns the `Stripe-Signature` header for a body, sent at this second.
pub fn signature(secret: &str, body: &[u8], unix_seconds: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{unix_seconds}.").as_bytes());
    mac.update(body);
    format!("t={unix_seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Returns a `customer.subscription.created` event of an active subscription with this number, in the API's current
/// form.
pub fn subscription_created(number: usize, created: i64) -> Value {
    json!({
        "id": format!("evt_test{number:08}"),
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": created,
        "livemode": false,
        "type": "customer.subscription.created",
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": format!("sub_test{number:08}"),
            "object": "subscription",
            "customer": format!("cus_test{number:08}"),
            "status": "active",
            "livemode": false,
            "created": created,
            "cancel_at_period_end": false,
            "metadata": { "user_id": format!("user-{number}") },
            "items": { "object": "list", "data": [{
                "id": format!("si_test{number:08}"),
                "object": "subscription_item",
                "current_period_start": created,
                "current_period_end": created + 2_592_000,
                "price": { "id": "price_pro", "object": "price", "product": "prod_pro" },
                "quantity": 1
            }] }
        } }
    })
}
