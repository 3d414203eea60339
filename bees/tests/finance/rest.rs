//! The PostgREST client against answers that a real server gives rarely.

use std::sync::Arc;
use std::time::Duration;

use apiary_bees::finance::{Applied, Change, PostgrestRecord, Record as _, RecordError, SubscriptionQuery};
use apiary_bees::outbound::{CallError as _, Retries};
use apiary_identity::SystemClock;
use secrecy::SecretString;

use crate::harness::database::QUICK;
use crate::harness::event::{One as _, T0, event, subscription};
use crate::harness::scripted::{Answer, Scripted};

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl";
const APPLIED: Answer = Answer::Http("200 OK", r#"[{"outcome":"applied"}]"#);

fn change() -> Change {
    let object = subscription("sub_1", "cus_1", "active", T0);
    Change::from_event(&event("evt_1", "customer.subscription.updated", T0, &object)).unwrap()
}

fn record(server: &Scripted, key: &str, retries: Retries) -> Arc<PostgrestRecord> {
    let key = SecretString::from(key);
    Arc::new(PostgrestRecord::with_retries(&server.url, &key, Arc::new(SystemClock), retries).unwrap())
}

/// Applies an event against these answers; returns the outcome and the number of calls.
async fn applied(answers: impl IntoIterator<Item = Answer>) -> (Result<Applied, RecordError>, usize) {
    let server = Scripted::new(answers).await;
    let outcome = record(&server, JWT, QUICK).one(&change()).await;
    (outcome, server.requests().len())
}

#[tokio::test]
async fn the_function_is_called_with_the_key_and_the_change() {
    let server = Scripted::new([APPLIED]).await;
    assert_eq!(record(&server, JWT, QUICK).one(&change()).await.unwrap(), Applied::Applied);
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert!(request.starts_with("POST /rest/v1/rpc/apply_stripe_events HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("apikey: {JWT}\r\n")), "{request}");
    assert!(request.contains(&format!("authorization: Bearer {JWT}\r\n")), "{request}");
    let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let document: serde_json::Value = serde_json::from_str(body["changes"].as_str().unwrap()).unwrap();
    assert_eq!(document[0]["event"]["id"], "evt_1");
    assert_eq!(document[0]["subscription"]["status"], "active");
}

#[tokio::test]
async fn a_key_of_the_newer_kind_is_no_bearer_token() {
    let server = Scripted::new([Answer::Http("200 OK", "[]")]).await;
    let query = SubscriptionQuery { customer_id: Some("cus_1&x=y".to_owned()), ..SubscriptionQuery::all(true) };
    assert_eq!(record(&server, "sb_secret_abc", QUICK).subscriptions(&query).await.unwrap(), []);
    let request = &server.requests()[0];
    assert!(request.contains("apikey: sb_secret_abc\r\n") && !request.contains("authorization:"), "{request}");
    assert!(request.starts_with("GET /rest/v1/stripe_subscriptions?select="), "{request}");
    assert!(request.contains("&livemode=is.true&") && request.contains("customer_id=eq.cus_1%26x%3Dy"), "{request}");
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for failure in [
        Answer::Http("503 Service Unavailable", r#"{"code":"PGRST002","message":"schema cache"}"#),
        Answer::Http("500 Internal Server Error", r#"{"code":"40001","message":"could not serialize access"}"#),
        Answer::Http("400 Bad Request", r#"{"code":"40P01","message":"deadlock detected"}"#),
        Answer::Http("429 Too Many Requests\r\nretry-after: 0", "slow down"),
        Answer::Http("402 Payment Required", "<html>over quota</html>"),
        Answer::Http("400 Bad Request", "<html>"),
        Answer::Http("403 Forbidden", "<html>blocked</html>"),
        Answer::Http("404 Not Found", r#"{"message":"no Route matched with those values"}"#),
        Answer::Http("413 Content Too Large", ""),
        Answer::Http("504 Gateway Timeout", "<html>"),
        Answer::Http("522 Unknown", ""),
        Answer::Close,
    ] {
        let (outcome, calls) = applied([failure.clone(), failure, APPLIED]).await;
        assert_eq!((outcome.unwrap(), calls), (Applied::Applied, 3));
    }
}

#[tokio::test]
async fn what_does_not_pass_by_itself_is_tried_once_and_says_what_to_do() {
    for (answer, advice) in [
        (Answer::Http("401 Unauthorized", r#"{"message":"Invalid API key"}"#), "check SUPABASE_SERVICE_ROLE_KEY"),
        (Answer::Http("401 Unauthorized", r#"{"code":"PGRST301","message":"JWT"}"#), "check SUPABASE_SERVICE_ROLE_KEY"),
        (
            Answer::Http("403 Forbidden", r#"{"code":"42501","message":"permission denied"}"#),
            "use the service-role key",
        ),
        (
            Answer::Http("404 Not Found", r#"{"code":"PGRST202","message":"no function"}"#),
            "apply deploy/supabase/migrations",
        ),
        (
            Answer::Http("404 Not Found", r#"{"code":"42883","message":"no function"}"#),
            "apply deploy/supabase/migrations",
        ),
        (Answer::Http("409 Conflict", r#"{"code":"23505","message":"duplicate key"}"#), "look at the row"),
        (Answer::Http("409 Conflict", r#"{"code":"23503","message":"foreign key"}"#), "look at the row"),
        (Answer::Http("400 Bad Request", r#"{"code":"22P05","message":"unsupported"}"#), "look at the event at Stripe"),
        (Answer::Http("400 Bad Request", r#"{"code":"PT409","message":"no row"}"#), "look for a trigger"),
        (Answer::Http("301 Moved Permanently\r\nlocation: http://127.0.0.1:1/", ""), "check SUPABASE_URL"),
        (Answer::Http("200 OK", "<html>welcome</html>"), "check SUPABASE_URL"),
        (Answer::Http("200 OK", r#"{"outcome":"whatever"}"#), "check SUPABASE_URL"),
        (Answer::Http("204 No Content", ""), "check SUPABASE_URL"),
    ] {
        let (outcome, calls) = applied([answer]).await;
        let error = outcome.unwrap_err();
        assert_eq!(calls, 1, "{error}");
        assert!(!error.is_retryable() && error.to_string().contains(advice), "{error}");
        assert!(!format!("{error} {error:?}").contains(JWT), "the key shows in {error:?}");
    }
}

#[tokio::test]
async fn a_long_retry_after_is_for_the_broker_to_schedule() {
    let (outcome, calls) = applied([Answer::Http("503 Service Unavailable\r\nretry-after: 120", "")]).await;
    let error = outcome.unwrap_err();
    assert_eq!((calls, error.retry_after()), (1, Some(Duration::from_secs(120))));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn after_five_failures_in_a_row_calls_wait_and_the_first_success_releases_them_all() {
    let server = Scripted::new([vec![Answer::Close; 8], vec![APPLIED]].concat()).await;
    let record = Arc::new(record(&server, JWT, Retries::default()));
    let mut events = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let record = Arc::clone(&record);
        events.spawn(async move { record.one(&change()).await.unwrap() });
    }
    let start = std::time::Instant::now();
    assert_eq!(events.join_all().await, [Applied::Applied; 8]);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_read_that_is_not_answered_ends_after_five_seconds() {
    let server = Scripted::new([Answer::Silence]).await;
    let record = record(&server, JWT, Retries { retries_max: 0, ..QUICK });
    let start = std::time::Instant::now();
    let error = record.subscriptions(&SubscriptionQuery::all(true)).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 5 s"), "{error}");
    assert!((4..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure_worth_a_retry_that_says_why() {
    let key = SecretString::from(JWT);
    let record = PostgrestRecord::with_retries("http://127.0.0.1:1", &key, Arc::new(SystemClock), QUICK).unwrap();
    let error = record.check().await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("refused"), "{error}");
}

#[test]
fn an_empty_key_is_refused_before_anything_is_sent() {
    for key in ["", "  ", "line\nbreak"] {
        let url = "https://x.supabase.co";
        let error = PostgrestRecord::new(url, &SecretString::from(key), Arc::new(SystemClock)).err().unwrap();
        assert!(error.to_string().contains("SUPABASE_SERVICE_ROLE_KEY"), "{error}");
    }
}
