//! End of the time that is paid for: items of several lengths, and pauses of collection.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, query_scalar};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, invoice, of_account, subscription};
use crate::harness::file::File;

const DAY: i64 = 86_400;

fn item(id: &str, start: i64, end: i64, quantity: Option<i64>) -> Value {
    json!({"id": id, "object": "subscription_item", "quantity": quantity, "current_period_start": start,
        "current_period_end": end, "price": {"id": format!("price_{id}"), "object": "price", "currency": "eur"}})
}

fn with(status: &str, pause: Option<&str>, items: Vec<Value>) -> Value {
    let mut object = subscription("sub_1", "cus_1", status, T0);
    object["items"]["data"] = Value::Array(items);
    object["pause_collection"] =
        pause.map_or(Value::Null, |behavior| json!({"behavior": behavior, "resumes_at": null}));
    object
}

/// A name, a subscription, the outcome of its newest invoice with its second, and the second until which it is paid.
type Case = (&'static str, Value, Option<(&'static str, i64)>, i64);

fn cases() -> Vec<Case> {
    let month = |quantity| item("si_m", T0, T0 + 30 * DAY, quantity);
    let year = || item("si_y", T0 - 100 * DAY, T0 + 265 * DAY, Some(1));
    let paid = Some(("invoice.paid", T0 + 60));
    vec![
        ("one length", with("active", None, vec![month(Some(1))]), None, T0 + 30 * DAY),
        ("the shorter item is due first", with("active", None, vec![year(), month(Some(1))]), paid, T0 + 30 * DAY),
        ("usage is billed afterwards", with("active", None, vec![month(None), year()]), paid, T0 + 265 * DAY),
        ("usage alone", with("active", None, vec![month(None)]), paid, T0 + 30 * DAY),
        ("the renewal of the month failed", with("past_due", None, vec![year(), month(Some(1))]), None, T0),
        ("paused in a paid period", with("active", Some("void"), vec![month(Some(1))]), paid, T0 + 30 * DAY),
        ("paused before the period", with("active", Some("void"), vec![month(Some(1))]), None, T0),
        (
            "its invoice is voided",
            with("active", Some("void"), vec![month(Some(1))]),
            Some(("invoice.voided", T0 + 60)),
            T0,
        ),
        (
            "its invoice stays a draft, the one before was paid",
            with("active", Some("keep_as_draft"), vec![month(Some(1))]),
            Some(("invoice.paid", T0 - 30 * DAY)),
            T0,
        ),
        (
            "its invoice is given up",
            with("active", Some("mark_uncollectible"), vec![month(Some(1))]),
            Some(("invoice.marked_uncollectible", T0 + 60)),
            T0,
        ),
    ]
}

#[tokio::test]
async fn all_is_paid_until_the_first_period_ends_and_a_paused_one_only_if_its_invoice_was_paid() {
    let database = PrivateDatabase::migrated().await;
    let (postgres, mut connection) = (database.record(), database.connect().await);
    for (n, (name, object, bill, expected)) in cases().into_iter().enumerate() {
        let file = File::new().await;
        let mut events = vec![event("evt_1", "customer.subscription.updated", T0 + 90, &object)];
        events.extend(
            bill.map(|(event_type, at)| event("evt_2", event_type, at, &invoice("in_1", "cus_1", "sub_1", at))),
        );
        for event in &events {
            apply(&file.record, event).await;
            apply(&postgres, &of_account(event, &format!("acct_{n}"))).await;
        }
        let in_file = "select unixepoch(paid_until) from subscription_access";
        let until: i64 = query_scalar(in_file).fetch_one(&mut file.connect().await).await.unwrap();
        assert_eq!(until, expected, "{name}");
        let in_postgres = format!(
            "select extract(epoch from paid_until)::bigint from public.subscription_access where account = 'acct_{n}'"
        );
        let until: Option<i64> = query_scalar(AssertSqlSafe(in_postgres)).fetch_one(&mut connection).await.unwrap();
        assert_eq!(until, Some(expected), "{name}");
    }
    database.drop().await;
}

#[tokio::test]
async fn before_items_had_periods_all_had_that_of_their_subscription() {
    let file = File::new().await;
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    for field in ["current_period_start", "current_period_end"] {
        object[field] = object["items"]["data"][0].as_object_mut().unwrap().remove(field).unwrap();
    }
    apply(&file.record, &event("evt_1", "customer.subscription.updated", T0, &object)).await;
    let periods = "select count(*) from stripe_subscription_items as i join stripe_subscriptions as s
        on s.current_period_start = i.current_period_start and s.current_period_end = i.current_period_end";
    let count: i64 = query_scalar(periods).fetch_one(&mut file.connect().await).await.unwrap();
    assert_eq!(count, 1);
}
