//! Single calls: what is sent, and what each answer leads to.

use std::time::{Duration, Instant};

use apiary_bees::finance::stripe_api::{API_VERSION, Kind, ListQuery, StripeError};
use apiary_bees::outbound::{CallError as _, Retries};
use apiary_tests::stripe_api::{StandIn, Trouble};
use serde_json::json;

use super::{api, api_with, customer, subscription};
use crate::harness::database::QUICK;
use crate::harness::event::T0;

async fn error(server: &StandIn) -> StripeError {
    api(server).retrieve(None, false, Kind::Customers, "cus_1").await.unwrap_err()
}

#[tokio::test]
async fn an_object_is_read_with_key_version_and_account_and_is_true_as_of_a_second_before() {
    let server = StandIn::start().await;
    server.put_of("acct_1", customer("cus_1", T0));
    let reading = api(&server).retrieve(Some("acct_1"), false, Kind::Customers, "cus_1").await.unwrap().unwrap();
    assert_eq!(reading.object["email"], "cus_1@example.com");
    let now = apiary_identity::Clock::now(&apiary_identity::SystemClock).as_second();
    assert!((now - 30..now).contains(&reading.as_of_s), "{} at {now}", reading.as_of_s);
    let [head] = &server.requests()[..] else { panic!("one request") };
    let head = head.to_lowercase();
    assert!(head.starts_with("get /v1/customers/cus_1 http/1.1\r\n"), "{head}");
    for line in [
        format!("stripe-version: {API_VERSION}"),
        "stripe-account: acct_1".to_owned(),
        format!("bearer {}", server.key()),
    ] {
        assert!(head.contains(&line), "{head}");
    }
    assert_eq!(api(&server).retrieve(None, false, Kind::Customers, "cus_1").await.unwrap(), None);
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for trouble in [
        Trouble::RateLimited(Some(0)),
        Trouble::RateLimited(None),
        Trouble::Fault(500),
        Trouble::Fault(503),
        Trouble::Close,
    ] {
        let server = StandIn::start().await;
        server.put(customer("cus_1", T0));
        server.trouble([trouble.clone(), trouble]);
        assert!(api(&server).retrieve(None, false, Kind::Customers, "cus_1").await.unwrap().is_some());
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn retry_after_is_not_gone_below_and_a_long_one_is_handed_on() {
    let server = StandIn::start().await;
    server.put(customer("cus_1", T0));
    server.trouble([Trouble::RateLimited(Some(1))]);
    let start = Instant::now();
    assert!(api(&server).retrieve(None, false, Kind::Customers, "cus_1").await.unwrap().is_some());
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    server.trouble([Trouble::RateLimited(Some(600))]);
    let error = error(&server).await;
    assert_eq!((error.retry_after(), error.is_retryable()), (Some(Duration::from_secs(600)), true));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn each_refusal_says_what_to_do_is_sent_once_and_does_not_show_the_key() {
    let server = StandIn::start().await;
    server.put(customer("cus_1", T0));
    server.deny("invoices");
    server.move_to_other_mode("cus_live");
    let api = api(&server);
    let list = async |kind, account: Option<&str>| {
        let query = ListQuery { account: account.map(str::to_owned), ..ListQuery::all(kind) };
        api.list(&query).await.unwrap_err()
    };
    let wrong = api_with(&server, "sk_test_wrong", QUICK);
    for (error, cause, advice) in [
        (
            wrong.list(&ListQuery::all(Kind::Customers)).await.unwrap_err(),
            "stripe-key",
            "set `finance.stripe_secret_key`",
        ),
        (list(Kind::Invoices, None).await, "stripe-rights", "Invoices: Read\" (rak_invoice_read)"),
        (list(Kind::Customers, Some("acct_9")).await, "stripe-account", "acct_9"),
        (list(Kind::Customers, Some("acct 9\r\nx: y")).await, "stripe-setting", "acct_…"),
        (api.retrieve(None, false, Kind::Customers, "cus_live").await.unwrap_err(), "stripe-mode", "the other mode"),
        (api.retrieve(None, true, Kind::Customers, "cus_1").await.unwrap_err(), "stripe-mode", "of test mode"),
        (api.retrieve(None, false, Kind::Customers, "../customers").await.unwrap_err(), "stripe-missing", "knows no"),
    ] {
        assert_eq!(error.cause(), cause, "{error}");
        assert!(error.to_string().contains(advice) && !error.is_retryable(), "{error}");
        assert!(!format!("{error} {error:?}").contains(&server.key()), "the key shows in {error:?}");
    }
    assert_eq!(server.requests().len(), 4, "of each call that was sent, one");
}

#[tokio::test]
async fn what_is_no_answer_of_stripe_is_told_apart() {
    let server = StandIn::start().await;
    let long = format!("\"{}\"", "x".repeat(9 * 1024 * 1024));
    for (trouble, words) in [
        (Trouble::Raw("200 OK", "<html>welcome</html>".to_owned()), "finance.stripe_api_url"),
        (Trouble::Raw("301 Moved Permanently\r\nlocation: http://127.0.0.1:1/", String::new()), "a redirect"),
        (Trouble::Raw("200 OK", json!({"id": "cus_2", "object": "customer"}).to_string()), "another object"),
        (Trouble::Raw("407 Proxy Authentication Required", "no".to_owned()), "any proxy on the way"),
        (Trouble::Raw("200 OK", long), "more than 8388608 bytes"),
    ] {
        server.trouble([trouble]);
        let error = error(&server).await;
        assert!(!error.is_retryable() && error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_and_asked_for_again() {
    let server = StandIn::start().await;
    server.put(customer("cus_1", T0));
    server.trouble([Trouble::Silence]);
    let patient = Retries { wait_max: Duration::from_secs(60), ..QUICK };
    let api = api_with(&server, &server.key(), patient);
    assert!(api.retrieve(None, false, Kind::Customers, "cus_1").await.unwrap().is_some());
    assert_eq!(server.requests().len(), 2);
    server.trouble([Trouble::Silence]);
    let api = api_with(&server, &server.key(), Retries { retries_max: 0, ..QUICK });
    let error = api.retrieve(None, false, Kind::Customers, "cus_1").await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("no answer within 3 s"), "{error}");
}

#[tokio::test]
async fn a_server_that_stays_away_opens_the_breaker_and_a_quick_trial_notices_its_return() {
    let server = StandIn::start().await;
    server.put(customer("cus_1", T0));
    server.trouble(vec![Trouble::Close; 7]);
    let patient = Retries { retries_max: 20, first_wait: Duration::from_millis(5), wait_max: Duration::from_secs(10) };
    let api = api_with(&server, &server.key(), patient);
    let start = Instant::now();
    assert!(api.retrieve(None, false, Kind::Customers, "cus_1").await.unwrap().is_some());
    assert!(start.elapsed() >= Duration::from_millis(250), "the breaker never opened: {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_deleted_customer_is_still_told_and_a_canceled_subscription_is_still_there() {
    let server = StandIn::start().await;
    server.put(customer("cus_1", T0));
    server.delete("cus_1");
    server.put(subscription("sub_1", "cus_1", "canceled", T0));
    let api = api(&server);
    let reading = api.retrieve(None, false, Kind::Customers, "cus_1").await.unwrap().unwrap();
    assert_eq!(reading.object, json!({"id": "cus_1", "object": "customer", "deleted": true}));
    let reading = api.retrieve(None, false, Kind::Subscriptions, "sub_1").await.unwrap().unwrap();
    assert_eq!(reading.object["status"], "canceled");
}
