//! Random histories of events: few objects, few seconds, so that everything collides with everything.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::event::{T0, checkout, event, invoice, subscription};

const STATUSES: [&str; 9] = [
    "incomplete",
    "incomplete_expired",
    "trialing",
    "active",
    "past_due",
    "canceled",
    "unpaid",
    "paused",
    "a_status_of_2031",
];
const SUBSCRIPTION_EVENTS: [&str; 8] =
    ["created", "updated", "updated", "updated", "deleted", "paused", "resumed", "trial_will_end"];
/// Types of events of other objects, with what their ids begin with.
const OBJECT_EVENTS: [(&str, &str, &str); 14] = [
    ("payment_intent.created", "payment_intent", "pi"),
    ("payment_intent.payment_failed", "payment_intent", "pi"),
    ("payment_intent.succeeded", "payment_intent", "pi"),
    ("charge.succeeded", "charge", "ch"),
    ("charge.refunded", "charge", "ch"),
    ("charge.updated", "charge", "ch"),
    ("refund.created", "refund", "re"),
    ("charge.refund.updated", "refund", "re"),
    ("charge.dispute.created", "dispute", "dp"),
    ("charge.dispute.closed", "dispute", "dp"),
    ("checkout.session.expired", "checkout.session", "cs"),
    ("checkout.session.async_payment_failed", "checkout.session", "cs"),
    ("subscription_schedule.updated", "subscription_schedule", "sub_sched"),
    ("subscription_schedule.released", "subscription_schedule", "sub_sched"),
];
const INVOICE_EVENTS: [&str; 7] = [
    "paid",
    "payment_succeeded",
    "payment_failed",
    "payment_action_required",
    "finalized",
    "voided",
    "marked_uncollectible",
];

/// Up to `length` events. Ids are not in the order of time.
pub(crate) fn history(length: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec((any::<u16>(), draft()), 1..=length).prop_map(|drafts| {
        let numbered = drafts.iter().enumerate();
        numbered.map(|(n, (salt, draft))| draft.with_id(&format!("evt_{salt:05}{n:02}"))).collect()
    })
}

/// A history, and the same one in another order with some events twice.
pub(crate) fn history_and_redelivery(length: usize) -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    history(length).prop_flat_map(|events| {
        let twice = vec(0..events.len(), 0..=events.len());
        let redelivery = twice.prop_flat_map({
            let events = events.clone();
            move |twice| {
                let mut all = events.clone();
                all.extend(twice.into_iter().map(|n| events[n].clone()));
                Just(all).prop_shuffle()
            }
        });
        (Just(events), redelivery)
    })
}

/// A subscription's life with up to `length` changes, several in one second, each listing the previous values of what it
/// changed: its events in an order of arrival, some twice, and its last state.
pub(crate) fn life(length: usize) -> impl Strategy<Value = (Vec<Vec<u8>>, Value)> {
    let steps = vec((0..5_u8, any::<u8>(), 0..4_u8, any::<u16>()), 1..=length);
    steps.prop_flat_map(|steps| {
        let (events, last) = walk(&steps);
        let twice = vec(0..events.len(), 0..=events.len());
        let redelivery = twice.prop_flat_map(move |twice| {
            let mut all = events.clone();
            all.extend(twice.into_iter().map(|n| events[n].clone()));
            Just(all).prop_shuffle()
        });
        (redelivery, Just(last))
    })
}

/// Walks from state to state. Ids are not in the order of time.
fn walk(steps: &[(u8, u8, u8, u16)]) -> (Vec<Vec<u8>>, Value) {
    let mut state = subscription("sub_1", "cus_1", "trialing", T0);
    let mut second = T0;
    let mut events = vec![event("evt_first", "customer.subscription.created", second, &state)];
    for (n, (what, value, pause, salt)) in steps.iter().enumerate() {
        second += i64::from(*pause == 0);
        let previous = change(&mut state, *what, *value);
        let bytes = event(&format!("evt_{salt:05}{n:02}"), "customer.subscription.updated", second, &state);
        let mut event: Value = serde_json::from_slice(&bytes).unwrap();
        event["data"]["previous_attributes"] = previous;
        events.push(event.to_string().into_bytes());
    }
    (events, state)
}

/// Changes one thing to another value; returns the previous one as Stripe lists it.
fn change(state: &mut Value, what: u8, value: u8) -> Value {
    let other = |values: &[Value], now: &Value| {
        let others: Vec<&Value> = values.iter().filter(|value| *value != now).collect();
        others[usize::from(value) % others.len()].clone()
    };
    let (path, values) = match what {
        0 => ("/status", [json!("active"), json!("past_due"), json!("paused")]),
        1 => ("/cancel_at_period_end", [json!(true), json!(false), json!(null)]),
        2 => ("/metadata/n", [json!("1"), json!("2"), json!(null)]),
        3 => ("/items/data/0/quantity", [json!(1), json!(2), json!(3)]),
        _ => ("/items/data/0/price/id", [json!("price_a"), json!("price_b"), json!("price_c")]),
    };
    if state["metadata"]["n"].is_null() {
        state["metadata"]["n"] = Value::Null;
    }
    let items = state["items"]["data"].clone();
    let place = state.pointer_mut(path).unwrap();
    let previous = place.clone();
    *place = other(&values, &previous);
    match what {
        0 => json!({"status": previous}),
        1 => json!({"cancel_at_period_end": previous}),
        2 => json!({"metadata": {"n": previous}}),
        // Of a list every element is listed.
        _ => json!({"items": {"data": items}}),
    }
}

/// An event without its id.
#[derive(Clone, Debug)]
struct Draft {
    event_type: String,
    created: i64,
    object: Value,
    livemode: bool,
    /// Connected account.
    account: Option<&'static str>,
}

impl Draft {
    fn with_id(&self, id: &str) -> Vec<u8> {
        let bytes = event(id, &self.event_type, self.created, &self.object);
        let mut event: Value = serde_json::from_slice(&bytes).unwrap();
        (event["livemode"], event["account"]) = (json!(self.livemode), json!(self.account));
        event.to_string().into_bytes()
    }
}

fn draft() -> impl Strategy<Value = Draft> {
    let parts = (0..14_u8, 0..4_i64, 0..2_u8, 0..3_u8, any::<u8>(), any::<u8>());
    parts.prop_map(|(kind, second, customer, number, a, b)| {
        let (customer, sub) = (format!("cus_{customer}"), format!("sub_{number}"));
        let (event_type, object) = match kind {
            0..=4 => subscription_event(&sub, &customer, a, b),
            5 | 6 => invoice_event(&sub, &customer, a, b),
            7 => {
                let session = checkout(&format!("cs_{a}"), &customer, &sub, &format!("user_{b}"));
                ("checkout.session.completed".to_owned(), session)
            }
            8 => customer_event(&customer, a, b),
            9 | 10 => object_event(&customer, a, b),
            11 | 12 => page_event(&sub, &customer, a, b),
            _ => ("plan.created".to_owned(), json!({"id": "plan_1"})),
        };
        // A few are live ones, or of a connected account, of objects with the same ids.
        let account = a.is_multiple_of(9).then_some("acct_1");
        Draft { event_type, created: T0 + second, object, livemode: a.is_multiple_of(8), account }
    })
}

fn invoice_event(sub: &str, customer: &str, a: u8, b: u8) -> (String, Value) {
    let what = INVOICE_EVENTS[usize::from(a) % INVOICE_EVENTS.len()];
    let object = invoice(&format!("in_{}", b % 3), customer, sub, T0 + i64::from(b % 2));
    (format!("invoice.{what}"), object)
}

fn subscription_event(sub: &str, customer: &str, a: u8, b: u8) -> (String, Value) {
    let what = SUBSCRIPTION_EVENTS[usize::from(a) % SUBSCRIPTION_EVENTS.len()];
    let status = STATUSES[usize::from(b) % STATUSES.len()];
    let mut object = subscription(sub, customer, status, T0 + i64::from(a % 3));
    object["metadata"] = json!({"user_id": format!("user_{}", a % 4), "n": b.to_string()});
    object["cancel_at_period_end"] = json!(b.is_multiple_of(2));
    (format!("customer.subscription.{what}"), object)
}

fn customer_event(customer: &str, a: u8, b: u8) -> (String, Value) {
    let what = ["created", "updated", "updated", "deleted"][usize::from(a) % 4];
    let object = json!({"id": customer, "object": "customer", "email": format!("{b}@example.com"), "name": null,
        "metadata": {"userId": format!("user_{b}")}});
    (format!("customer.{what}"), object)
}

/// Another object, in a currency without decimals or with three, as an old version of the API shows it or a new one.
fn object_event(customer: &str, a: u8, b: u8) -> (String, Value) {
    let (event_type, name, prefix) = OBJECT_EVENTS[usize::from(a) % OBJECT_EVENTS.len()];
    let status = ["pending", "processing", "succeeded", "canceled", "a_status_of_2031"][usize::from(b) % 5];
    let currency = ["jpy", "kwd", "eur"][usize::from(b) % 3];
    let mut object = json!({"id": format!("{prefix}_{}", a % 2), "object": name, "customer": customer, "status": status,
        "amount": i64::from(b) * 1000, "amount_refunded": b, "amount_received": b, "amount_total": b,
        "currency": currency, "payment_intent": "pi_0", "charge": "ch_0"});
    if b.is_multiple_of(2) {
        object["invoice"] = json!("in_0");
    }
    (event_type.to_owned(), object)
}

/// A subscription with the first page of its items.
fn page_event(sub: &str, customer: &str, a: u8, b: u8) -> (String, Value) {
    let (event_type, mut object) = subscription_event(sub, customer, a, b);
    let item = object["items"]["data"][0].clone();
    let items = (0..=b % 3).map(|n| {
        let mut item = item.clone();
        (item["id"], item["quantity"]) = (json!(format!("si_{}", a.wrapping_add(n) % 4)), json!(b));
        item
    });
    object["items"] = json!({"object": "list", "has_more": !a.is_multiple_of(3), "data": items.collect::<Vec<_>>()});
    (event_type, object)
}
