//! Events as large as they may be, several of one object and second.

use std::sync::Arc;

use apiary_bees::finance::{Answer, Applied, Change, Record, SubscriptionQuery, Writer};
use apiary_tests::eventually;
use serde_json::{Value, json};

use crate::harness::database::PrivateDatabase;
use crate::harness::event::{T0, event, subscription};
use crate::harness::file::File;
use crate::harness::supabase_lite::SupabaseLite;

/// An update of nearly a mebibyte, mostly characters that JSON in JSON needs two bytes for.
fn large(id: &str, sub: &str, price: &str, previous: Option<&str>) -> Change {
    let mut object = subscription(sub, "cus_1", "active", T0);
    object["items"]["data"][0]["price"]["id"] = json!(price);
    object["notes"] = json!("\"".repeat(500_000));
    let mut event: Value = serde_json::from_slice(&event(id, "customer.subscription.updated", T0, &object)).unwrap();
    if let Some(price) = previous {
        event["data"]["previous_attributes"] = json!({"items": {"data": [{"price": {"id": price}}]}});
    }
    let bytes = event.to_string();
    assert!(bytes.len() > 1_000_000);
    Change::from_event(bytes.as_bytes()).unwrap()
}

/// Many objects' ties come in one call: what has no room in the answer goes again.
async fn passes(record: Arc<dyn Record>) {
    const COUNT: usize = 9;
    let changes = |n: usize| -> Vec<Change> {
        (0..COUNT)
            .map(|sub| large(&format!("evt_{sub}_{n}"), &format!("sub_{sub}"), &format!("price_{n}"), None))
            .collect()
    };
    for change in changes(1) {
        assert!(matches!(record.apply(&[&change]).await.unwrap()[0], Answer::Done(Applied::Applied)));
    }
    let second = changes(2);
    let answers = record.apply(&second.iter().collect::<Vec<_>>()).await.unwrap();
    let count = |is: fn(&Answer) -> bool| answers.iter().filter(|answer| is(answer)).count();
    let (ties, again) =
        (count(|answer| matches!(answer, Answer::Tie(_))), count(|answer| matches!(answer, Answer::Again)));
    assert!((5..=6).contains(&ties) && ties + again == COUNT, "{ties} ties, {again} again");
    let writer = Writer::new(Arc::clone(&record));
    // Eight events of one second, more than an answer has room for.
    for n in 2..9 {
        assert_eq!(
            writer.apply(large(&format!("evt_0_{n}"), "sub_0", &format!("price_{n}"), None)).await.unwrap(),
            Applied::Applied
        );
    }
    assert_eq!(record.check().await.unwrap().uncertain, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_of_one_second_pass_into_a_file() {
    passes(File::new().await.record).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_of_one_second_pass_into_postgres() {
    let database = PrivateDatabase::migrated().await;
    passes(database.record()).await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_of_one_second_pass_through_postgrest() {
    let server = SupabaseLite::migrated().await;
    passes(server.record()).await;
    server.stop().await;
}

/// Ties of 24 MB: each event of them that is read is memory of the server's.
#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_the_events_of_no_more_ties_are_read_than_have_room() {
    const COUNT: usize = 24;
    let database = PrivateDatabase::migrated().await;
    let record = database.record();
    let changes = |n: usize| -> Vec<Change> {
        (0..COUNT)
            .map(|sub| large(&format!("evt_{sub}_{n}"), &format!("sub_{sub}"), &format!("price_{n}"), None))
            .collect()
    };
    let first = changes(1);
    for some in first.chunks(6) {
        record.apply(&some.iter().collect::<Vec<_>>()).await.unwrap();
    }
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(&mut database.connect().await).await.unwrap();
    database.run(&format!("alter database {name} set track_functions = 'all'")).await;
    // Of another connection, which the setting applies to, and at whose end its counts are there.
    let counting = database.record();
    let second = changes(2);
    let answers = counting.apply(&second.iter().collect::<Vec<_>>()).await.unwrap();
    counting.close().await;
    let ties = answers.iter().filter(|answer| matches!(answer, Answer::Tie(_))).count();
    let calls = "select calls from pg_stat_user_functions where funcname = 'stripe_events_of'";
    eventually("the server has counted", async || {
        let found: Option<i64> = sqlx::query_scalar(calls).fetch_optional(&mut database.connect().await).await.unwrap();
        found.is_some_and(|calls| {
            assert_eq!(calls, i64::try_from(ties).unwrap() + 1, "each tie, and the first without room");
            true
        })
    })
    .await;
    database.drop().await;
}

#[tokio::test]
async fn a_large_event_has_its_place_in_its_second_whatever_the_order() {
    let changes =
        [large("evt_9", "sub_1", "price_b", Some("price_a")), large("evt_1", "sub_1", "price_c", Some("price_b"))];
    for order in [[0, 1], [1, 0]] {
        let file = File::new().await;
        let record: Arc<dyn Record> = file.record.clone();
        for n in order {
            Writer::new(Arc::clone(&record)).apply(changes[n].clone()).await.unwrap();
        }
        let row = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0);
        assert_eq!((row.price_id.as_deref(), row.order_uncertain), (Some("price_c"), false), "{order:?}");
    }
}
