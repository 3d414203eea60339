//! Tests each kind of event.

use apiary_bees::finance::{Applied, Change, Record as _, Subscription, SubscriptionQuery};
use serde_json::{Value, json};

use crate::harness::event::{One as _, T0, apply, checkout, event, invoice, subscription};
use crate::harness::file::File;

async fn stored(events: &[Vec<u8>]) -> Vec<Subscription> {
    let file = File::new().await;
    for event in events {
        apply(&file.record, event).await;
    }
    file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap()
}

fn updated(id: &str, at: i64, object: &Value) -> Vec<u8> {
    event(id, "customer.subscription.updated", at, object)
}

#[tokio::test]
async fn a_checkout_a_subscription_and_an_invoice_make_one_row() {
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    object["metadata"] = json!({"plan": "basic"});
    let rows = stored(&[
        event("evt_1", "checkout.session.completed", T0, &checkout("cs_1", "cus_1", "sub_1", "user-7")),
        event("evt_2", "customer.subscription.created", T0, &object),
        event("evt_3", "invoice.paid", T0 + 2, &invoice("in_1", "cus_1", "sub_1", T0)),
    ])
    .await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.customer_id.as_deref(), Some("cus_1"));
    assert_eq!(row.user_id.as_deref(), Some("user-7"));
    assert_eq!(row.status.as_deref(), Some("active"));
    assert_eq!(row.price_id.as_deref(), Some("price_basic"));
    assert_eq!(row.product_id.as_deref(), Some("prod_basic"));
    assert_eq!(row.quantity, Some(1));
    assert_eq!(row.currency.as_deref(), Some("eur"));
    assert_eq!(row.current_period_start.unwrap().as_second(), T0);
    assert_eq!(row.current_period_end.unwrap().as_second(), T0 + 30 * 86_400);
    assert_eq!(row.cancel_at_period_end, Some(false));
    assert_eq!(row.metadata, json!({"plan": "basic"}));
    assert_eq!(row.checkout_session_id.as_deref(), Some("cs_1"));
    assert_eq!(row.last_invoice_outcome.as_deref(), Some("paid"));
    assert_eq!(row.last_invoice_amount_due, Some(1900));
    assert_eq!(row.last_invoice_at.unwrap().as_second(), T0 + 2);
}

#[tokio::test]
async fn every_status_can_be_stored_and_so_can_one_that_is_new() {
    let statuses = [
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
    let events = (0_i32..)
        .zip(statuses)
        .map(|(n, status)| updated(&format!("evt_{n}"), T0, &subscription(&format!("sub_{n}"), "cus_1", status, T0)));
    let rows = stored(&events.collect::<Vec<_>>()).await;
    let stored: Vec<_> = rows.iter().map(|row| row.status.as_deref().unwrap()).collect();
    assert_eq!(stored, statuses);
}

#[tokio::test]
async fn a_customer_can_have_two_subscriptions() {
    let rows = stored(&[
        updated("evt_1", T0, &subscription("sub_1", "cus_1", "active", T0)),
        updated("evt_2", T0, &subscription("sub_2", "cus_1", "past_due", T0)),
    ])
    .await;
    let statuses: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.status.as_deref().unwrap())).collect();
    assert_eq!(statuses, [("sub_1", "active"), ("sub_2", "past_due")]);
}

#[tokio::test]
async fn live_and_test_mode_are_kept_apart() {
    let file = File::new().await;
    let mut live: Value =
        serde_json::from_slice(&updated("evt_1", T0, &subscription("sub_1", "cus_1", "active", T0))).unwrap();
    live["livemode"] = json!(true);
    apply(&file.record, &updated("evt_1", T0 + 5, &subscription("sub_1", "cus_1", "unpaid", T0))).await;
    assert_eq!(apply(&file.record, live.to_string().as_bytes()).await, Applied::Applied);
    for (livemode, status) in [(true, "active"), (false, "unpaid")] {
        let rows = file.record.subscriptions(&SubscriptionQuery::all(livemode)).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].status.as_deref(), Some(status));
    }
}

#[tokio::test]
async fn a_subscription_of_an_old_api_version_has_its_period_itself() {
    let rows = stored(&[updated(
        "evt_1",
        T0,
        &json!({
            "id": "sub_1", "object": "subscription", "customer": {"id": "cus_1", "object": "customer"},
            "status": "active", "current_period_start": T0, "current_period_end": T0 + 7, "quantity": 3,
            "plan": {"id": "gold", "product": {"id": "prod_gold"}, "currency": "usd", "amount": 2000},
        }),
    )])
    .await;
    assert_eq!(rows[0].current_period_end.unwrap().as_second(), T0 + 7);
    assert_eq!(rows[0].price_id.as_deref(), Some("gold"));
    assert_eq!(rows[0].product_id.as_deref(), Some("prod_gold"));
    assert_eq!(rows[0].quantity, Some(3));
    assert_eq!(rows[0].currency.as_deref(), Some("usd"));
    assert_eq!(rows[0].customer_id.as_deref(), Some("cus_1"));
}

#[tokio::test]
async fn the_period_of_several_items_is_what_their_periods_have_in_common() {
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    object["items"]["data"] = json!([
        {"price": {"id": "price_a"}, "quantity": 2, "current_period_start": T0 + 5, "current_period_end": T0 + 10},
        {"price": {"id": "price_b"}, "quantity": 1, "current_period_start": T0, "current_period_end": T0 + 300},
        {"price": {"id": "price_c"}},
    ]);
    let rows = stored(&[updated("evt_1", T0, &object)]).await;
    assert_eq!(rows[0].current_period_start.unwrap().as_second(), T0 + 5);
    assert_eq!(rows[0].current_period_end.unwrap().as_second(), T0 + 10);
    assert_eq!((rows[0].price_id.as_deref(), rows[0].quantity), (Some("price_a"), Some(2)));
}

#[tokio::test]
async fn an_invoice_names_its_subscription_the_old_way_and_the_new_way() {
    let mut old = invoice("in_1", "cus_1", "ignored", T0);
    old["parent"] = Value::Null;
    old["subscription"] = json!("sub_1");
    let mut expanded = old.clone();
    expanded["subscription"] = json!({"id": "sub_2", "object": "subscription"});
    let rows = stored(&[
        event("evt_1", "invoice.payment_failed", T0, &old),
        event("evt_2", "invoice.payment_action_required", T0, &expanded),
        event("evt_3", "invoice.marked_uncollectible", T0, &invoice("in_1", "cus_1", "sub_3", T0)),
    ])
    .await;
    let outcomes: Vec<_> = rows.iter().map(|row| row.last_invoice_outcome.as_deref().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "action_required", "uncollectible"]);
    assert_eq!(rows[0].status, None, "an invoice says nothing about the status");
}

#[tokio::test]
async fn what_says_nothing_that_is_kept_is_recorded_and_ignored_with_its_reason() {
    let file = File::new().await;
    for (id, event_type, object, reason) in [
        (
            "evt_1",
            "invoice.upcoming",
            json!({"object": "invoice", "customer": "cus_1"}),
            "the event announces an invoice",
        ),
        ("evt_2", "plan.created", json!({"id": 7}), "events of this type are about nothing"),
        (
            "evt_3",
            "customer.tax_id.created",
            json!({"id": "txi_1", "customer": "cus_1"}),
            "events of this type are about",
        ),
        ("evt_4", "v2.core.event", json!([[[[[]]]]]), "events of this type are about nothing"),
    ] {
        let change = Change::from_event(&event(id, event_type, T0, &object)).unwrap();
        assert!(change.event.reason.as_deref().unwrap().starts_with(reason), "{change:?}");
        assert_eq!(file.record.one(&change).await.unwrap(), Applied::Ignored);
        assert_eq!(file.record.one(&change).await.unwrap(), Applied::Duplicate);
    }
    assert_eq!(file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap(), []);
}

#[tokio::test]
async fn the_outcome_tells_new_from_late_from_repeated() {
    let file = File::new().await;
    let newer = updated("evt_2", T0 + 1, &subscription("sub_1", "cus_1", "active", T0));
    let older = updated("evt_1", T0, &subscription("sub_1", "cus_1", "trialing", T0));
    assert_eq!(apply(&file.record, &newer).await, Applied::Applied);
    assert_eq!(apply(&file.record, &older).await, Applied::Superseded);
    assert_eq!(apply(&file.record, &older).await, Applied::Duplicate);
    assert_eq!(apply(&file.record, &newer).await, Applied::Duplicate);
}

#[tokio::test]
async fn metadata_of_the_server_outweigh_what_the_payer_could_have_chosen() {
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    object["metadata"] = json!({"user_id": "the-owner"});
    let checkout =
        event("evt_1", "checkout.session.completed", T0 + 9, &checkout("cs_1", "cus_1", "sub_1", "somebody"));
    let rows = stored(&[updated("evt_2", T0, &object), checkout]).await;
    assert_eq!(rows[0].user_id.as_deref(), Some("the-owner"));
}

#[tokio::test]
async fn listing_goes_page_by_page_and_by_customer() {
    let file = File::new().await;
    for n in 0..5 {
        let object = subscription(&format!("sub_{n}"), &format!("cus_{}", n % 2), "active", T0);
        apply(&file.record, &updated(&format!("evt_{n}"), T0, &object)).await;
    }
    let first = SubscriptionQuery { limit: 2, ..SubscriptionQuery::all(false) };
    let rows = file.record.subscriptions(&first).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["sub_0", "sub_1"]);
    let next = SubscriptionQuery { after_id: Some("sub_1".to_owned()), ..first };
    let rows = file.record.subscriptions(&next).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["sub_2", "sub_3"]);
    let of_one = SubscriptionQuery { customer_id: Some("cus_1".to_owned()), ..SubscriptionQuery::all(false) };
    let rows = file.record.subscriptions(&of_one).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["sub_1", "sub_3"]);
}
