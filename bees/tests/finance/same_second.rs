//! Events of one object that bear the same second: the state is the one that happened, whatever the order of arrival.

use std::sync::Arc;

use apiary_bees::finance::{Change, Record, Subscription, SubscriptionQuery, Writer};
use serde_json::{Value, json};

use crate::harness::cases::case;
use crate::harness::database::PrivateDatabase;
use crate::harness::event::{apply, of_account};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

/// A sequence of events, and the values that its subscription has in the end.
struct Sequence {
    name: String,
    events: Vec<Value>,
    want: Value,
}

/// The published cases, and others of the same kinds.
fn sequences() -> Vec<Sequence> {
    let published = case("finance/same_second.json");
    let published = published.as_array().unwrap().iter().map(|case| Sequence {
        name: case["name"].as_str().unwrap().to_owned(),
        events: case["events"].as_array().unwrap().clone(),
        want: case["want"].clone(),
    });
    published.chain(own()).collect()
}

fn own() -> Vec<Sequence> {
    let plan = |price: &str, quantity: u32| {
        json!({"object": "list", "data": [{"id": "si_1", "object": "subscription_item", "quantity": quantity,
            "current_period_start": 1_764_400_000, "current_period_end": 1_766_992_000,
            "price": {"id": price, "object": "price", "product": "prod_a", "currency": "eur"}}]})
    };
    let object = |status: &str, price: &str, quantity: u32| {
        json!({"object": "subscription", "status": status, "cancel_at_period_end": false, "metadata": {},
            "items": plan(price, quantity)})
    };
    let updated = |object: Value, previous: Value| ("updated", object, previous);
    let with = |mut object: Value, key: &str, value: Value| {
        object[key] = value;
        object
    };
    let price = |price: &str| json!({"items": {"data": [{"price": {"id": price}}]}});
    let lists = [
        (
            "year_to_month",
            vec![
                updated(
                    with(object("active", "year", 1), "metadata", json!({"a": "1"})),
                    json!({"metadata": {"a": null}}),
                ),
                updated(with(object("active", "month", 1), "metadata", json!({"a": "1"})), price("year")),
            ],
            json!({"price_id": "month"}),
        ),
        (
            "recovery_by_a_new_card",
            vec![
                updated(object("past_due", "month", 1), json!({"status": "active"})),
                updated(
                    with(object("active", "month", 1), "default_payment_method", json!("pm_2")),
                    json!({"status": "past_due", "default_payment_method": null}),
                ),
            ],
            json!({"status": "active"}),
        ),
        (
            "recovery_without_another_trace",
            vec![
                updated(object("past_due", "month", 1), json!({"status": "active"})),
                updated(object("active", "month", 1), json!({"status": "past_due"})),
            ],
            json!({"status": "active"}),
        ),
        (
            "quantity_up_and_down_and_up",
            vec![
                updated(object("active", "seat", 2), json!({"items": plan("seat", 1)})),
                updated(object("active", "seat", 3), json!({"items": plan("seat", 2)})),
                updated(object("active", "seat", 2), json!({"items": plan("seat", 3)})),
                updated(object("active", "seat", 7), json!({"items": plan("seat", 2)})),
            ],
            json!({"quantity": 7}),
        ),
        (
            "update_and_cancellation",
            vec![
                updated(object("active", "pro", 1), price("basic")),
                ("deleted", object("canceled", "pro", 1), Value::Null),
            ],
            json!({"status": "canceled", "price_id": "pro"}),
        ),
        (
            "created_activated_and_upgraded",
            vec![
                ("created", object("incomplete", "basic", 1), Value::Null),
                updated(object("active", "basic", 1), json!({"status": "incomplete"})),
                updated(object("active", "pro", 1), price("basic")),
            ],
            json!({"status": "active", "price_id": "pro"}),
        ),
        (
            "collection_paused_and_resumed_and_paused",
            vec![
                updated(
                    with(object("active", "basic", 1), "pause_collection", json!({"behavior": "void"})),
                    json!({"pause_collection": null}),
                ),
                updated(object("active", "basic", 1), json!({"pause_collection": {"behavior": "void"}})),
                updated(
                    with(object("active", "basic", 1), "pause_collection", json!({"behavior": "keep_as_draft"})),
                    json!({"pause_collection": null}),
                ),
            ],
            json!({"pause_collection_behavior": "keep_as_draft"}),
        ),
        (
            "end_of_trial_and_failed_payment",
            vec![
                ("trial_will_end", object("trialing", "basic", 1), Value::Null),
                updated(object("active", "basic", 1), json!({"status": "trialing"})),
                updated(object("past_due", "basic", 1), json!({"status": "active"})),
            ],
            json!({"status": "past_due"}),
        ),
        (
            "cancellation_at_period_end_taken_back",
            vec![
                updated(
                    with(object("active", "basic", 1), "cancel_at_period_end", json!(true)),
                    json!({"cancel_at_period_end": false}),
                ),
                updated(
                    with(object("active", "basic", 1), "metadata", json!({"kept": "yes"})),
                    json!({"cancel_at_period_end": true, "metadata": {"kept": null}}),
                ),
            ],
            json!({"cancel_at_period_end": false}),
        ),
    ];
    lists.into_iter().map(|(name, events, want)| sequence(name, events, want)).collect()
}

/// Numbers the events against their order, so that ids tell the wrong one.
fn sequence(name: &str, events: Vec<(&str, Value, Value)>, want: Value) -> Sequence {
    let count = events.len();
    let events = events.into_iter().enumerate().map(|(n, (verb, mut object, previous))| {
        object["id"] = json!("sub_1");
        object["customer"] = json!("cus_1");
        let mut data = json!({"object": object});
        if !previous.is_null() {
            data["previous_attributes"] = previous;
        }
        json!({"id": format!("evt_{}", count - n), "object": "event", "created": 1_764_400_000, "livemode": false,
            "type": format!("customer.subscription.{verb}"), "data": data})
    });
    Sequence { name: name.to_owned(), events: events.collect(), want }
}

/// Every order of these events; in every other one, each comes twice.
fn deliveries(events: &[Value]) -> Vec<Vec<&Value>> {
    let mut orders: Vec<Vec<&Value>> = vec![vec![]];
    for event in events {
        let longer = orders.into_iter().flat_map(|order| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, event);
                order
            })
        });
        orders = longer.collect();
    }
    for (n, order) in orders.iter_mut().enumerate().filter(|(n, _)| n % 2 == 1) {
        let again = order.clone();
        order.extend(again.iter().rev().skip(n % 3));
    }
    orders
}

/// Moves a sequence to objects of its own, so that many share one record.
fn renamed(event: &Value, number: usize) -> Vec<u8> {
    of_account(event.to_string().as_bytes(), &format!("acct_{number}"))
}

async fn deliver_in_every_order<R: Record>(record: Arc<R>, orders_max: usize) {
    let mut number = 0;
    for sequence in sequences() {
        for order in deliveries(&sequence.events).into_iter().take(orders_max) {
            number += 1;
            for event in &order {
                apply(&record, &renamed(event, number)).await;
            }
            let row = serde_json::to_value(only(&*record, number).await).unwrap();
            for (column, value) in sequence.want.as_object().unwrap() {
                let ids: Vec<&Value> = order.iter().map(|event| &event["id"]).collect();
                assert_eq!(&row[column], value, "{} of {} after {ids:?}: {row}", column, sequence.name);
            }
        }
    }
    assert!(number > 10, "there are sequences");
}

async fn only(record: &dyn Record, number: usize) -> Subscription {
    let query = SubscriptionQuery { account: Some(format!("acct_{number}")), ..SubscriptionQuery::all(false) };
    record.subscriptions(&query).await.unwrap().remove(0)
}

#[tokio::test]
async fn in_a_file_every_order_of_every_sequence_ends_as_wanted() {
    deliver_in_every_order(File::new().await.record, usize::MAX).await;
}

#[tokio::test]
async fn in_postgres_every_order_of_every_sequence_ends_as_wanted() {
    let database = PrivateDatabase::migrated().await;
    deliver_in_every_order(database.record(), usize::MAX).await;
    database.drop().await;
}

#[tokio::test]
async fn through_postgrest_every_order_of_every_sequence_ends_as_wanted() {
    let server = SupabaseLite::migrated().await;
    deliver_in_every_order(server.record(), 6).await;
    server.stop().await;
}

/// All events at once, through one writer and through several.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_that_come_at_the_same_moment_end_as_wanted() {
    let database = PrivateDatabase::migrated().await;
    let record = database.record();
    for (number, sequence) in sequences().into_iter().enumerate() {
        let writers = [0, 1].map(|_| Writer::new(Arc::clone(&record) as Arc<dyn Record>));
        let mut tasks = tokio::task::JoinSet::new();
        for (n, event) in sequence.events.iter().chain(&sequence.events).enumerate() {
            let (writer, change) = (writers[n % 2].clone(), Change::from_event(&renamed(event, number)).unwrap());
            tasks.spawn(async move { writer.apply(change).await.unwrap() });
        }
        tasks.join_all().await;
        let row = serde_json::to_value(only(&*record, number).await).unwrap();
        for (column, value) in sequence.want.as_object().unwrap() {
            assert_eq!(&row[column], value, "{column} of {}: {row}", sequence.name);
        }
    }
    database.drop().await;
}
