//! Subscriptions with more items than an event shows: Stripe puts the first page of a long list into it.

use std::sync::Arc;

use apiary_bees::finance::rows::RowQuery;
use apiary_bees::finance::stripe_api::Kind;
use apiary_bees::finance::{Change, ReadError, Record, RecordError, Writer};
use serde_json::{Value, json};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, apply, event, of_account, subscription};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;
use crate::reads::Script;

/// A subscription with these items, by id and quantity.
fn with_items(items: &[(&str, i64)], has_more: bool) -> Value {
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    let item = object["items"]["data"][0].clone();
    let items = items.iter().map(|(id, quantity)| {
        let mut item = item.clone();
        (item["id"], item["quantity"]) = (json!(id), json!(quantity));
        item
    });
    object["items"] = json!({"object": "list", "has_more": has_more, "data": items.collect::<Vec<_>>()});
    object
}

fn shows(id: &str, at: i64, items: &[(&str, i64)], has_more: bool) -> Vec<u8> {
    event(id, "customer.subscription.updated", T0 + at, &with_items(items, has_more))
}

/// The stored items, by id and quantity, and whether there may be others.
async fn stored(record: &dyn Record) -> (Vec<(String, i64)>, bool) {
    stored_of(record, "").await
}

async fn stored_of(record: &dyn Record, account: &str) -> (Vec<(String, i64)>, bool) {
    let (kind, account) = (Kind::Subscriptions, account.to_owned());
    let query = RowQuery { kind, account, livemode: false, ids: vec!["sub_1".to_owned()] };
    let row = record.rows(&query).await.unwrap().remove(0);
    let items = match &row["items"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        items => items.clone(),
    };
    let item = |item: &Value| (item["id"].as_str().unwrap().to_owned(), item["quantity"].as_i64().unwrap());
    let mut items: Vec<_> = items.as_array().unwrap().iter().map(item).collect();
    items.sort();
    (items, row["items_incomplete"] == json!(true) || row["items_incomplete"] == json!(1))
}

fn pairs(items: &[(&str, i64)]) -> Vec<(String, i64)> {
    items.iter().map(|(id, quantity)| ((*id).to_owned(), *quantity)).collect()
}

async fn keeps_what_a_page_does_not_show<R: Record>(record: Arc<R>) {
    apply(&record, &shows("evt_1", 0, &[("si_a", 1), ("si_b", 1), ("si_c", 1)], false)).await;
    apply(&record, &shows("evt_2", 1, &[("si_a", 2), ("si_d", 1)], true)).await;
    let all = pairs(&[("si_a", 2), ("si_b", 1), ("si_c", 1), ("si_d", 1)]);
    assert_eq!(stored(&*record).await, (all, true));
    assert_eq!(record.check().await.unwrap().incomplete, 1);
    apply(&record, &shows("evt_3", 2, &[("si_a", 2), ("si_c", 5)], false)).await;
    assert_eq!(stored(&*record).await, (pairs(&[("si_a", 2), ("si_c", 5)]), false));
    assert_eq!(record.check().await.unwrap().incomplete, 0);
}

#[tokio::test]
async fn a_file_keeps_the_items_that_a_page_does_not_show_and_says_so() {
    keeps_what_a_page_does_not_show(File::new().await.record).await;
}

#[tokio::test]
async fn postgres_keeps_the_items_that_a_page_does_not_show_and_says_so() {
    let database = PrivateDatabase::migrated().await;
    keeps_what_a_page_does_not_show(database.record()).await;
    database.drop().await;
}

#[tokio::test]
async fn postgrest_keeps_the_items_that_a_page_does_not_show_and_says_so() {
    let server = SupabaseLite::migrated().await;
    keeps_what_a_page_does_not_show(server.record()).await;
    server.stop().await;
}

/// Events some of which show a page only, in several seconds and in one.
fn lists() -> [Vec<Vec<u8>>; 4] {
    [
        vec![
            shows("evt_1", 0, &[("si_a", 1), ("si_b", 1)], false),
            shows("evt_2", 1, &[("si_c", 1)], false),
            shows("evt_3", 2, &[("si_d", 1)], true),
            shows("evt_4", 3, &[("si_a", 7)], true),
        ],
        vec![
            shows("evt_1", 0, &[("si_a", 1), ("si_b", 1)], false),
            shows("evt_2", 1, &[("si_b", 2)], true),
            shows("evt_3", 1, &[("si_c", 3)], true),
            shows("evt_4", 1, &[("si_c", 4), ("si_d", 4)], true),
        ],
        vec![
            shows("evt_1", 0, &[("si_a", 1), ("si_b", 1)], true),
            shows("evt_2", 1, &[("si_b", 2), ("si_c", 2)], false),
            shows("evt_3", 1, &[("si_d", 3)], true),
            shows("evt_4", 2, &[("si_e", 1)], true),
        ],
        vec![
            shows("evt_1", 0, &[("si_a", 1)], false),
            shows("evt_2", 1, &[("si_b", 2)], true),
            event("evt_3", "customer.subscription.deleted", T0 + 1, &with_items(&[("si_c", 3)], true)),
            shows("evt_4", 3, &[("si_d", 1)], false),
        ],
    ]
}

#[tokio::test]
async fn which_items_are_kept_does_not_depend_on_the_order_of_arrival() {
    let (file, database) = (File::new().await, PrivateDatabase::migrated().await);
    let postgres = database.record();
    for (number, list) in lists().iter().enumerate() {
        let mut ends = Vec::new();
        for (n, order) in orders().into_iter().enumerate() {
            let account = format!("acct_{number}x{n}");
            for event in order.into_iter().chain([order[0]]).map(|n| &list[n]) {
                let event = of_account(event, &account);
                apply(&file.record, &event).await;
                apply(&postgres, &event).await;
            }
            let in_file = stored_of(&*file.record, &account).await;
            assert_eq!(stored_of(&*postgres, &account).await, in_file, "{number}: {order:?}");
            ends.push((order, in_file));
        }
        assert!(ends.iter().all(|(_, end)| *end == ends[0].1), "{number}: {ends:?}");
    }
    database.drop().await;
}

fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|n| [n % 4, n / 4 % 4, n / 16 % 4, n / 64]);
    all.filter(|order| (0..4).all(|event| order.contains(&event))).collect()
}

#[tokio::test]
async fn with_a_key_the_other_items_are_read_at_stripe() {
    let file = File::new().await;
    let all = with_items(&[("si_a", 9), ("si_b", 1), ("si_c", 1)], false);
    let away = ReadError::Unavailable { what: "no answer".to_owned(), retry_after: None };
    let stripe = Script::new([Err(away), Ok(all)]);
    let writer = Writer::new(Arc::clone(&file.record) as Arc<dyn Record>).with_reads(stripe.clone());
    let change = Change::from_event(&shows("evt_1", 0, &[("si_a", 2)], true)).unwrap();
    let error = writer.apply(change.clone()).await.unwrap_err();
    assert!(matches!(error, RecordError::Stripe { .. }) && error.is_retryable(), "{error}");
    writer.apply(change).await.unwrap();
    assert_eq!(stripe.asked(), [" false subscription sub_1"; 2]);
    let all = pairs(&[("si_a", 2), ("si_b", 1), ("si_c", 1)]);
    assert_eq!(stored(&*file.record).await, (all, false), "the event's own items are those of its time");
}

#[tokio::test]
async fn a_key_that_may_not_read_keeps_the_items_of_before() {
    let file = File::new().await;
    let writer = Writer::new(Arc::clone(&file.record) as Arc<dyn Record>)
        .with_reads(Script::new([Err(ReadError::Refused("403".to_owned()))]));
    for event in [shows("evt_1", 0, &[("si_a", 1), ("si_b", 1)], false), shows("evt_2", 1, &[("si_a", 2)], true)] {
        writer.apply(Change::from_event(&event).unwrap()).await.unwrap();
    }
    assert_eq!(stored(&*file.record).await, (pairs(&[("si_a", 2), ("si_b", 1)]), true));
}
