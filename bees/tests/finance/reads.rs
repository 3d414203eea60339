//! Reads at Stripe, where the events of one second do not decide their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use apiary_bees::finance::{Change, ReadError, Record, RecordError, StripeReads, SubscriptionQuery, Writer};
use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{query_scalar, raw_sql};

use crate::harness::event::{T0, event, subscription};
use crate::harness::file::File;

/// Stripe, with answers that were written before; after the last it repeats that one.
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Value, ReadError>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Value, ReadError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl StripeReads for Script {
    async fn object(&self, account: &str, livemode: bool, kind: &str, id: &str) -> Result<Value, ReadError> {
        self.asked.lock().unwrap().push(format!("{account} {livemode} {kind} {id}"));
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.pop_front().unwrap();
        if answers.is_empty() {
            answers.push_back(answer.clone());
        }
        answer
    }
}

fn active(price: &str) -> Value {
    let mut object = subscription("sub_1", "cus_1", "active", T0);
    object["items"]["data"][0]["price"]["id"] = json!(price);
    object
}

/// Two updates of one second that list nothing of what they changed.
fn undecided() -> [Change; 2] {
    [("evt_1", "price_b"), ("evt_2", "price_a")]
        .map(|(id, price)| Change::from_event(&event(id, "customer.subscription.updated", T0, &active(price))).unwrap())
}

fn writer(file: &File) -> Writer {
    Writer::new(Arc::clone(&file.record) as Arc<dyn Record>)
}

async fn price(file: &File) -> Option<String> {
    file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0).price_id
}

#[tokio::test]
async fn an_order_that_the_events_do_not_decide_is_read_at_stripe() {
    let (file, stripe) = (File::new().await, Script::new([Ok(active("price_now"))]));
    let writer = writer(&file).with_reads(stripe.clone());
    for change in undecided() {
        writer.apply(change).await.unwrap();
    }
    assert_eq!(price(&file).await.as_deref(), Some("price_now"));
    assert_eq!(stripe.asked(), [" false subscription sub_1"]);
    assert_eq!(file.record.check().await.unwrap().uncertain, 0);
    let later = event("evt_0", "customer.subscription.updated", T0 + 1, &active("price_later"));
    writer.apply(Change::from_event(&later).unwrap()).await.unwrap();
    assert_eq!(price(&file).await.as_deref(), Some("price_later"), "a later event is newer than what was read");
}

#[tokio::test]
async fn without_a_key_the_guess_is_the_same_in_every_order_and_is_told() {
    for order in [[0, 1], [1, 0]] {
        let file = File::new().await;
        for n in order {
            writer(&file).apply(undecided()[n].clone()).await.unwrap();
        }
        assert_eq!(price(&file).await.as_deref(), Some("price_b"), "by contents, not by ids");
        assert_eq!(file.record.check().await.unwrap().uncertain, 1);
    }
}

#[tokio::test]
async fn while_stripe_is_away_the_event_waits_and_nothing_is_guessed() {
    let away = ReadError::Unavailable { what: "no answer".to_owned(), retry_after: None };
    let (file, stripe) = (File::new().await, Script::new([Err(away), Ok(active("price_now"))]));
    let writer = writer(&file).with_reads(stripe);
    let [first, second] = undecided();
    writer.apply(first).await.unwrap();
    let error = writer.apply(second.clone()).await.unwrap_err();
    assert!(matches!(error, RecordError::Stripe { .. }) && error.is_retryable(), "{error}");
    assert_eq!(price(&file).await.as_deref(), Some("price_b"));
    writer.apply(second).await.unwrap();
    assert_eq!(price(&file).await.as_deref(), Some("price_now"));
}

#[tokio::test]
async fn a_key_that_may_not_read_leaves_a_guess_that_is_told() {
    let (file, stripe) = (File::new().await, Script::new([Err(ReadError::Refused("403".to_owned()))]));
    let writer = writer(&file).with_reads(stripe);
    for change in undecided() {
        writer.apply(change).await.unwrap();
    }
    assert_eq!(price(&file).await.as_deref(), Some("price_b"));
    assert_eq!(file.record.check().await.unwrap().uncertain, 1);
}

#[tokio::test]
async fn a_state_whose_events_are_recorded_no_longer_holds_up_no_event() {
    let file = File::new().await;
    for change in undecided() {
        writer(&file).apply(change).await.unwrap();
    }
    raw_sql("update stripe_events set payload = null").execute(&mut file.connect().await).await.unwrap();
    for (id, at) in [("evt_3", T0 - 1), ("evt_4", T0), ("evt_5", T0 - 2)] {
        let bytes = event(id, "customer.subscription.updated", at, &active("price_c"));
        writer(&file).apply(Change::from_event(&bytes).unwrap()).await.unwrap();
    }
    let recorded: i64 =
        query_scalar("select count(*) from stripe_events").fetch_one(&mut file.connect().await).await.unwrap();
    assert_eq!(recorded, 5);
    assert_eq!(file.record.check().await.unwrap().uncertain, 1);
}
