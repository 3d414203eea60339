//! Objects, made from Stripe's published fixtures.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its subject must fail at once")]

use std::sync::OnceLock;

use serde_json::{Value, json};

/// The lists that the stand-in has, with Stripe's names of their objects.
pub(super) const LISTS: [(&str, &str); 7] = [
    ("customers", "customer"),
    ("subscriptions", "subscription"),
    ("invoices", "invoice"),
    ("payment_intents", "payment_intent"),
    ("refunds", "refund"),
    ("disputes", "dispute"),
    ("subscription_schedules", "subscription_schedule"),
];

/// Items that a subscription carries with it; the others are a list of their own.
const ITEMS_INLINE: usize = 10;

/// Returns Stripe's published object of this name, such as `subscription`, with these fields replaced.
pub fn fixture(object: &str, fields: &Value) -> Value {
    static FIXTURES: OnceLock<Value> = OnceLock::new();
    let fixtures = FIXTURES.get_or_init(|| {
        let cases =
            std::env::var("APIARY_CASES").unwrap_or_else(|_| panic!("APIARY_CASES is not set: run `cargo xtask test`"));
        let text = std::fs::read(format!("{cases}/stripe/fixtures3.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    });
    let mut made = fixtures["resources"][object].clone();
    assert!(made.is_object(), "Stripe publishes no `{object}`");
    for (name, value) in fields.as_object().unwrap() {
        made[name] = value.clone();
    }
    made
}

/// Returns the object as lists and reads show it: a subscription has no more than its first items with it.
pub(super) fn shown(object: &Value) -> Value {
    let mut shown = object.clone();
    if let Some(items) = shown.pointer_mut("/items/data").and_then(Value::as_array_mut)
        && items.len() > ITEMS_INLINE
    {
        items.truncate(ITEMS_INLINE);
        shown["items"]["has_more"] = json!(true);
    }
    shown
}

/// Returns what is left of a deleted object.
pub(super) fn remains(object: &Value) -> Value {
    json!({"id": object["id"], "object": object["object"], "deleted": true})
}
