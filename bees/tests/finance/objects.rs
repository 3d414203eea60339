//! Items, accounts, payments, refunds, disputes, invoices and schedules, as Stripe tells of them.

use std::sync::Arc;

use apiary_bees::finance::{Applied, Change, Record as _, SubscriptionQuery};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _, query};

use crate::harness::cases::case;
use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, invoice, subscription};
use crate::harness::file::File;

/// Returns the only row of a statement, as texts.
async fn row(file: &File, sql: &str) -> Vec<Option<String>> {
    let rows = query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut file.connect().await).await.unwrap();
    assert_eq!(rows.len(), 1, "{sql}");
    (0..rows[0].len()).map(|column| rows[0].get(column)).collect()
}

fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

fn single(name: &str) -> Value {
    let cases = case("finance/single_events.json");
    cases.as_array().unwrap().iter().find(|case| case["name"] == name).unwrap().clone()
}

async fn applied(file: &File, event: &Value) -> Applied {
    apply(&file.record, event.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_pause_of_collection_has_columns_and_shows_in_the_access() {
    let file = File::new().await;
    applied(&file, &single("pause_collection")["event"]).await;
    let pause = "select pause_collection_behavior, pause_collection_resumes_at from stripe_subscriptions";
    assert_eq!(row(&file, pause).await, texts(&["void", "2026-01-28T07:06:40Z"]));
    let access = "select iif(has_access, 'yes', 'no'), iif(paused, 'yes', 'no'), why from subscription_access";
    assert_eq!(row(&file, access).await, texts(&["no", "yes", "collection is paused, and invoices are voided"]));
}

#[tokio::test]
async fn all_items_are_kept_and_the_plan_is_the_first_that_is_not_metered() {
    let file = File::new().await;
    let event = &single("metered_item_first")["event"];
    applied(&file, event).await;
    let items = "select group_concat(id || ' ' || price_id || ' ' || metered || ' ' || ifnull(quantity, '-'), ', ')
        from (select * from stripe_subscription_items order by position)";
    assert_eq!(row(&file, items).await, texts(&["si_m price_meter 1 -, si_p price_pro 0 5"]));
    let plan = "select price_id, product_id, cast(quantity as text) from stripe_subscriptions";
    assert_eq!(row(&file, plan).await, texts(&["price_pro", "prod_pro", "5"]));

    let mut later = event.clone();
    later["id"] = json!("evt_later");
    later["created"] = json!(event["created"].as_i64().unwrap() + 1);
    later["data"]["object"]["items"]["data"].as_array_mut().unwrap().remove(0);
    applied(&file, &later).await;
    assert_eq!(row(&file, items).await, texts(&["si_p price_pro 0 5"]), "an item that is gone is deleted");
}

#[tokio::test]
async fn one_customers_id_in_two_connected_accounts_makes_two_rows() {
    let case = single("same_customer_id_in_two_connected_accounts");
    let file = File::new().await;
    for event in case["events"].as_array().unwrap() {
        assert_eq!(applied(&file, event).await, Applied::Applied);
    }
    let customers = "select group_concat(account || ' ' || id || ' ' || email || ' ' || user_id, ', ')
        from (select * from stripe_customers order by account)";
    let expected = "acct_A1 member-17 one@a.example tenantA-u1, acct_B2 member-17 two@b.example tenantB-u9";
    assert_eq!(row(&file, customers).await, texts(&[expected]));
}

#[tokio::test]
async fn half_a_character_is_replaced_and_the_event_applied() {
    let file = File::new().await;
    let raw = single("lone_surrogate")["raw"].as_str().unwrap().to_owned();
    assert_eq!(apply(&file.record, raw.as_bytes()).await, Applied::Applied);
    assert_eq!(
        row(&file, "select name, payload from (select name from stripe_customers), stripe_events").await,
        [Some("Zo\u{fffd}".to_owned()), Some(raw)]
    );
}

#[test]
fn a_thin_event_is_no_event_that_shows_an_object() {
    let event = single("thin_event_of_a_v1_resource")["event"].to_string();
    assert!(Change::from_event(event.as_bytes()).is_err());
}

fn intent(status: &str, amount: i64) -> Value {
    json!({"id": "pi_1", "object": "payment_intent", "status": status, "amount": amount, "amount_received": 0,
        "currency": "jpy", "customer": "cus_1", "latest_charge": "ch_1", "metadata": {"user_id": "u1"}, "created": T0})
}

#[tokio::test]
async fn a_payment_its_refund_and_its_dispute_are_kept() {
    let file = File::new().await;
    let charge = |refunded: i64, disputed: bool| {
        json!({"id": "ch_1", "object": "charge", "status": "succeeded", "amount": 1999, "amount_refunded": refunded,
            "refunded": refunded == 1999, "disputed": disputed, "currency": "jpy", "payment_intent": "pi_1",
            "customer": "cus_1", "paid": true})
    };
    let refund = |status: &str| {
        json!({"id": "re_1", "object": "refund", "status": status, "amount": 1999, "currency": "jpy", "charge": "ch_1",
            "payment_intent": "pi_1", "reason": "requested_by_customer"})
    };
    let dispute = |status: &str| {
        json!({"id": "dp_1", "object": "dispute", "status": status, "amount": 1999, "currency": "jpy",
            "charge": "ch_1", "payment_intent": "pi_1", "reason": "fraudulent", "evidence_details": {"due_by": T0 + 9}})
    };
    let mut events = [
        event("evt_9", "payment_intent.created", T0, &intent("requires_payment_method", 1999)),
        event("evt_8", "payment_intent.payment_failed", T0, &intent("requires_payment_method", 1999)),
        event("evt_7", "payment_intent.succeeded", T0, &intent("succeeded", 1999)),
        event("evt_6", "charge.succeeded", T0, &charge(0, false)),
        event("evt_5", "refund.created", T0 + 1, &refund("pending")),
        event("evt_4", "charge.refund.updated", T0 + 2, &refund("succeeded")),
        event("evt_3", "charge.refunded", T0 + 2, &charge(1999, false)),
        event("evt_2", "charge.dispute.created", T0 + 3, &dispute("needs_response")),
        event("evt_1", "charge.dispute.closed", T0 + 4, &dispute("lost")),
        event("evt_0", "checkout.session.completed", T0, &one_off()),
    ];
    events.reverse();
    for event in &events {
        apply(&file.record, event).await;
    }
    let text = |sql: &'static str| row(&file, sql);
    let payment =
        "select status, cast(amount as text), currency, metadata_user_id, latest_charge_id from stripe_payments";
    assert_eq!(text(payment).await, texts(&["succeeded", "1999", "jpy", "u1", "ch_1"]));
    let charged = "select cast(amount_refunded as text), cast(refunded as text), payment_id from stripe_charges";
    assert_eq!(text(charged).await, texts(&["1999", "1", "pi_1"]));
    let refunded = "select status, cast(amount as text), payment_id, charge_id from stripe_refunds";
    assert_eq!(text(refunded).await, texts(&["succeeded", "1999", "pi_1", "ch_1"]));
    assert_eq!(text("select status, reason from stripe_disputes").await, texts(&["lost", "fraudulent"]));
    let checkout = "select mode, payment_status, cast(amount_total as text), user_id, payment_id from stripe_checkouts";
    assert_eq!(text(checkout).await, texts(&["payment", "paid", "1999", "u7", "pi_1"]));
}

fn one_off() -> Value {
    json!({"id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "customer": "cus_1",
        "payment_status": "paid", "payment_intent": "pi_1", "amount_total": 1999, "currency": "jpy",
        "client_reference_id": "u7", "metadata": {}, "subscription": null})
}

#[tokio::test]
async fn an_invoice_that_is_paid_and_fails_in_one_second_is_paid() {
    let mut paid = invoice("in_1", "cus_1", "sub_1", T0);
    paid["status"] = json!("paid");
    paid["amount_paid"] = json!(1900);
    let mut failed = invoice("in_1", "cus_1", "sub_1", T0);
    failed["attempted"] = json!(true);
    let events = [
        event("evt_9", "invoice.payment_failed", T0, &failed),
        event("evt_8", "invoice.finalized", T0, &invoice("in_1", "cus_1", "sub_1", T0)),
        event("evt_1", "invoice.paid", T0, &paid),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let file = File::new().await;
        for n in order {
            apply(&file.record, &events[n]).await;
        }
        let state = "select i.status, i.outcome, cast(i.amount_paid as text), s.last_invoice_outcome
            from stripe_invoices as i, stripe_subscriptions as s";
        assert_eq!(row(&file, state).await, texts(&["paid", "paid", "1900", "paid"]), "{order:?}");
    }
}

#[tokio::test]
async fn a_schedule_tells_the_change_that_is_to_come() {
    let file = File::new().await;
    let phase = |start: i64, price: &str| json!({"start_date": start, "end_date": start + 100, "items": [{"price": price, "quantity": 3}]});
    let schedule = json!({"id": "sub_sched_1", "object": "subscription_schedule", "status": "active",
        "customer": "cus_1", "subscription": "sub_1", "current_phase": {"start_date": T0, "end_date": T0 + 100},
        "end_behavior": "release", "phases": [phase(T0, "price_now"), phase(T0 + 100, "price_next")]});
    apply(&file.record, &event("evt_1", "subscription_schedule.updated", T0, &schedule)).await;
    let next = "select status, subscription_id, next_price_id, cast(next_quantity as text) from stripe_schedules";
    assert_eq!(row(&file, next).await, texts(&["active", "sub_1", "price_next", "3"]));
}

#[tokio::test]
async fn stripes_own_objects_are_kept_in_every_table() {
    let (file, database) = (File::new().await, PrivateDatabase::migrated().await);
    let record = database.record();
    let fixtures = case("stripe/fixtures3.json");
    for (n, (event_type, name)) in [
        ("payment_intent.succeeded", "payment_intent"),
        ("charge.refunded", "charge"),
        ("charge.dispute.updated", "dispute"),
        ("refund.updated", "refund"),
        ("invoice.updated", "invoice"),
        ("subscription_schedule.updated", "subscription_schedule"),
        ("checkout.session.completed", "checkout.session"),
        ("checkout.session.expired", "checkout.session"),
        ("customer.subscription.paused", "subscription"),
        ("customer.updated", "customer"),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes =
            event(&format!("evt_{n}"), event_type, T0 + i64::try_from(n).unwrap(), &fixtures["resources"][name]);
        assert_eq!(apply(&file.record, &bytes).await, Applied::Applied, "{event_type}");
        assert_eq!(apply(&record, &bytes).await, Applied::Applied, "{event_type}");
    }
    assert_eq!(file.state().await, database.state().await);
    database.drop().await;
}

#[tokio::test]
async fn an_object_as_read_at_stripe_counts_from_its_second_on() {
    let file = File::new().await;
    let read = |status: &str, at: i64| {
        let mut object = subscription("sub_1", "cus_1", status, T0);
        object["object"] = json!("subscription");
        Change::from_object("", false, &object, at).unwrap()
    };
    let record: Arc<dyn apiary_bees::finance::Record> = Arc::clone(&file.record) as _;
    let writer = apiary_bees::finance::Writer::new(record);
    let status = async || file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0).status;
    assert_eq!(writer.apply(read("active", T0)).await.unwrap(), Applied::Applied);
    assert_eq!(writer.apply(read("active", T0)).await.unwrap(), Applied::Duplicate);
    let older = event("evt_1", "customer.subscription.updated", T0 - 1, &subscription("sub_1", "cus_1", "unpaid", T0));
    assert_eq!(apply(&file.record, &older).await, Applied::Superseded);
    let newer = event("evt_2", "customer.subscription.updated", T0 + 1, &subscription("sub_1", "cus_1", "paused", T0));
    assert_eq!(apply(&file.record, &newer).await, Applied::Applied);
    assert_eq!(status().await.as_deref(), Some("paused"));
}
