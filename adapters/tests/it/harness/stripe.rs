//! Stripe, as it posts.

use std::net::SocketAddr;

use apiary_identity::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::http::{Answer, request};

/// The signing secret of the test's endpoint.
pub(crate) const SECRET: &str = "whsec_of_this_test_only";

/// A live event that the finance bee handles.
pub(crate) fn event(id: &str) -> Vec<u8> {
    event_of(id, "invoice.paid", json!({ "id": "in_1", "object": "invoice" }))
}

/// A live event of this type about this object.
pub(crate) fn event_of(id: &str, kind: &str, object: Value) -> Vec<u8> {
    let event = json!({
        "id": id, "object": "event", "api_version": "2025-03-31.basil", "created": 1_700_000_000, "livemode": true,
        "pending_webhooks": 1, "type": kind, "data": { "object": object },
    });
    serde_json::to_vec_pretty(&event).unwrap()
}

/// The header for this body, signed now.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let time = SystemClock.now().as_second();
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(format!("{time}.").as_bytes());
    hmac.update(body);
    format!("t={time},v1={}", hex::encode(hmac.finalize().into_bytes()))
}

/// Posts an event as Stripe does.
pub(crate) async fn post(address: SocketAddr, body: &[u8]) -> std::io::Result<Answer> {
    let signature = signature(SECRET, body);
    let headers = [("content-type", "application/json; charset=utf-8"), ("stripe-signature", &signature)];
    request(address, "POST", "/webhooks/stripe", &headers, body).await
}
