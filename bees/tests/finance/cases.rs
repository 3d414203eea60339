//! Stripe's own fixtures, of the current API. They come with `APIARY_CASES`, the folder of public test data.

use apiary_bees::finance::Change;
use serde_json::{Value, json};

use crate::harness::cases::case;
use crate::harness::event::{T0, event};

fn fixture(name: &str) -> Value {
    case("stripe/fixtures3.json")["resources"][name].clone()
}

fn change(event_type: &str, object: &Value) -> Change {
    Change::from_event(&event("evt_1", event_type, T0, object)).unwrap()
}

#[test]
fn stripes_subscription_reads_with_its_period_from_the_item() {
    let subscription = change("customer.subscription.updated", &fixture("subscription")).subscription.unwrap();
    assert_eq!(subscription.id, "sub_1Pgc6rB7WZ01zgkWNy0Cn5nw");
    assert_eq!(subscription.customer_id.as_deref(), Some("cus_QXg1o8vcGmoR32"));
    let state = subscription.state;
    assert_eq!(state.status.as_deref(), Some("active"));
    assert_eq!(state.price_id.as_deref(), Some("price_1PgafmB7WZ01zgkW6dKueIc5"));
    assert_eq!(state.product_id.as_deref(), Some("prod_QXg1hqf4jFNsqG"));
    assert_eq!(state.current_period_start.unwrap().as_second(), 1_896_570_518);
    assert_eq!(state.current_period_end.unwrap().as_second(), 976_287_773);
    assert_eq!(state.cancel_at_period_end, Some(true));
    assert_eq!(state.canceled_at.unwrap().as_second(), 1_234_567_890);
}

#[test]
fn every_type_of_event_that_is_handled_reads_with_stripes_object() {
    let subscription = [
        "created",
        "updated",
        "deleted",
        "paused",
        "resumed",
        "trial_will_end",
        "pending_update_applied",
        "pending_update_expired",
    ];
    for what in subscription {
        let change = change(&format!("customer.subscription.{what}"), &fixture("subscription"));
        assert_eq!(change.event.subscription_id.as_deref(), Some("sub_1Pgc6rB7WZ01zgkWNy0Cn5nw"), "{what}");
        assert_eq!(change.event.customer_id.as_deref(), Some("cus_QXg1o8vcGmoR32"), "{what}");
    }
    for what in ["created", "updated", "deleted"] {
        let customer = change(&format!("customer.{what}"), &fixture("customer")).customer.unwrap();
        assert_eq!((customer.id.as_str(), customer.deleted), ("cus_QXg1o8vcGmoR32", what == "deleted"));
    }
    let invoice = [
        "paid",
        "payment_succeeded",
        "payment_failed",
        "payment_action_required",
        "finalized",
        "voided",
        "marked_uncollectible",
    ];
    for what in invoice {
        let change = change(&format!("invoice.{what}"), &fixture("invoice")).subscription.unwrap();
        assert_eq!(change.invoice.last_invoice_id.as_deref(), Some("in_1Pgc6tB7WZ01zgkWu9fdqL6I"), "{what}");
        assert_eq!(change.invoice.last_invoice_amount_due, Some(1000), "{what}");
    }
}

#[test]
fn stripes_checkout_reads_in_payment_mode_and_in_subscription_mode() {
    let mut session = fixture("checkout.session");
    let change_of_payment = change("checkout.session.completed", &session);
    assert!(change_of_payment.subscription.is_none());
    assert_eq!(change_of_payment.object.unwrap().columns["payment_id"], "pi_1PgafyB7WZ01zgkWSjxsAJo3");
    session["mode"] = json!("subscription");
    session["subscription"] = json!("sub_1");
    session["customer"] = json!("cus_1");
    session["metadata"] = json!({"user_id": "u1"});
    for event_type in ["checkout.session.completed", "checkout.session.async_payment_succeeded"] {
        let change = change(event_type, &session);
        assert_eq!(change.subscription.unwrap().checkout_user_id.as_deref(), Some("u1"));
        assert_eq!(change.customer.unwrap().checkout_email.as_deref(), Some("example@example.com"));
    }
}

#[test]
fn a_deleted_customer_reads_though_nothing_is_left_of_it() {
    let customer = change("customer.deleted", &fixture("deleted_customer")).customer.unwrap();
    assert!(customer.deleted && customer.email.is_none());
}

#[test]
fn stripes_event_of_another_type_is_ignored() {
    let change = Change::from_event(fixture("event").to_string().as_bytes()).unwrap();
    assert_eq!(change.event.event_type, "plan.created");
    assert!(change.event.reason.is_some());
}
