//! Tests the answer to each kind of request, and its effects.

#![expect(clippy::panic, reason = "what goes wrong in a helper fails the test")]

use serde_json::json;

use crate::harness::{
    Broker, SECRET, config, config_of, event, event_of, get, post, request, signature, start, stripe_config,
};

#[tokio::test]
async fn a_signed_event_is_answered_when_it_is_a_process() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let body = event("evt_1");
    let answer = post(webhook.address(), &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let spec = broker.spec("evt_1");
    assert_eq!(
        answer.body,
        json!({ "outcome": "submitted", "event": "evt_1", "process_id": spec.process_id, "existed": false, "redriven": false })
    );
    assert_eq!(spec.args().to_bytes().unwrap(), body, "byte by byte");
    assert_eq!((spec.executor_type.as_str(), spec.function.as_str()), ("finance", "stripe.event"));
    assert_eq!(spec.idempotency_key.as_deref(), Some("stripe:live::evt_1"));
    assert_eq!((spec.priority, spec.max_exec_ms, spec.max_retries), (8, 30_000, 20));
    let labels: Vec<_> = spec.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("livemode", "true"), ("stripe_event", "evt_1"), ("stripe_type", "invoice.paid")]);
    assert_eq!(webhook.stats().submitted, 1);
    webhook.stop().await;
}

#[tokio::test]
async fn test_events_and_connected_accounts_have_keys_of_their_own() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    for more in
        [json!({ "livemode": true }), json!({ "livemode": false }), json!({ "livemode": true, "account": "acct_1" })]
    {
        let mut body = json!({ "id": "evt_1", "type": "invoice.paid" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = post(webhook.address(), body.to_string().as_bytes()).await.unwrap();
        assert_eq!((answer.status, &answer.body["existed"]), (200, &json!(false)), "{body}");
    }
    assert_eq!(broker.events(), ["evt_1", "evt_1", "evt_1"], "three events that only share their id");
}

#[tokio::test]
async fn an_event_that_nobody_handles_is_answered_and_visibly_ignored() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    for kind in ["file.created", "v2.core.account[requirements].updated"] {
        let answer = post(webhook.address(), &event_of("evt_1", kind, json!({}))).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({ "outcome": "ignored", "event": "evt_1", "type": kind }));
    }
    assert_eq!((webhook.stats().ignored, broker.submits()), (2, 0));
    assert_eq!(get(webhook.address(), "/healthz").await.body["counts"]["ignored"], 2);
}

#[tokio::test]
async fn the_same_event_twice_is_one_process() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let body = event("evt_1");
    let posts = (0..20).map(|_| post(webhook.address(), &body));
    let answers = futures_all(posts).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.body["process_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "all are told the same process");
    assert_eq!(broker.events(), ["evt_1"]);
    assert_eq!((webhook.stats().submitted, webhook.stats().duplicates), (20, 19));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_events_at_once_are_all_taken() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let bodies: Vec<_> = (0..200).map(|n| event(&format!("evt_{n}"))).collect();
    let answers = futures_all(bodies.iter().map(|body| post(webhook.address(), body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(broker.events().len(), 200);
}

#[tokio::test]
async fn each_mistake_has_its_own_answer() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let body = event("evt_1");
    let stale = signature(SECRET, &body).replacen("t=1", "t=2", 1);
    let right = signature(SECRET, &body);
    let foreign = signature("whsec_of_somebody_else", &body);
    let no_event = signature(SECRET, b"hello");
    let no_text = signature(SECRET, b"\xff\xfe");
    let empty = signature(SECRET, b"");
    let path = "/webhooks/stripe";
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);
    let cases: [Case<'_>; 12] = [
        ("POST", path, &[], &body, 400, "SIGNATURE_MISSING"),
        ("POST", path, &[("stripe-signature", "not this")], &body, 400, "SIGNATURE_MALFORMED"),
        ("POST", path, &[("stripe-signature", &foreign)], &body, 401, "SIGNATURE_INVALID"),
        ("POST", path, &[("stripe-signature", &stale)], &body, 401, "SIGNATURE_INVALID"),
        ("POST", path, &[("stripe-signature", &right)], &body[1..], 401, "SIGNATURE_INVALID"),
        ("POST", path, &[("stripe-signature", &no_event)], b"hello", 400, "INVALID"),
        ("POST", path, &[("stripe-signature", &no_text)], b"\xff\xfe", 400, "INVALID"),
        ("POST", path, &[("stripe-signature", &empty)], b"", 400, "INVALID"),
        ("GET", path, &[], b"", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", path, &[("stripe-signature", &right)], &body, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/webhooks/github", &[], &body, 404, "NOT_FOUND"),
        ("GET", "/", &[], b"", 404, "NOT_FOUND"),
    ];
    for (method, path, headers, body, status, reason) in cases {
        let answer = request(webhook.address(), method, path, headers, body).await.unwrap();
        assert_eq!((answer.status, answer.reason()), (status, reason), "{method} {path} {headers:?}: {answer:?}");
        let sent = headers.iter().any(|(_, value)| answer.text.contains(value.rsplit('=').next().unwrap_or(value)));
        assert!(!sent && !answer.text.contains("whsec"), "{answer:?}");
        assert!(answer.head.contains("content-type: application/json"), "{answer:?}");
        assert_eq!(answer.head.contains("\r\nallow: post"), status == 405, "{answer:?}");
    }
    assert_eq!((webhook.stats().rejected, broker.submits()), (12, 0));
    assert_eq!(webhook.spool().waiting_events, 0);
}

#[tokio::test]
async fn whoever_misses_a_page_is_told_the_nearest() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    for (path, page) in [
        ("/webhook/stripe", "nearest page is `/webhooks/stripe`"),
        ("/webhooks/stripe/", "nearest page is `/webhooks/stripe`"),
        ("/health", "nearest page is `/healthz`"),
        ("/numbers", "pages are `/healthz`, `/readyz`, `/metrics`, `/webhooks/stripe`"),
    ] {
        let answer = request(webhook.address(), "GET", path, &[], b"").await.unwrap();
        assert_eq!((answer.status, answer.reason()), (404, "NOT_FOUND"), "{path}");
        assert!(answer.text.contains(page), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn while_a_secret_is_rolled_both_are_good() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let mut stripe = stripe_config();
    stripe.secrets.insert(0, "whsec_the_next_one_of_this_test".into());
    let webhook = start(config_of(folder.path(), stripe), &broker).await;
    for (id, secret) in [("evt_1", SECRET), ("evt_2", "whsec_the_next_one_of_this_test")] {
        let body = event(id);
        let headers = [("stripe-signature", signature(secret, &body))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = request(webhook.address(), "POST", "/webhooks/stripe", &headers, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(broker.events(), ["evt_1", "evt_2"]);
}

#[tokio::test]
async fn health_tells_how_it_is_and_no_secrets() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let health = get(webhook.address(), "/healthz").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")));
    assert!(health.body["broker_reachable"].is_null(), "nothing was submitted yet");
    post(webhook.address(), &event("evt_1")).await.unwrap();
    assert_eq!(get(webhook.address(), "/healthz").await.body["broker_reachable"], true);
    broker.goes_away();
    post(webhook.address(), &event("evt_2")).await.unwrap();
    let health = get(webhook.address(), "/healthz").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("degraded")));
    assert_eq!(health.body["broker_reachable"], false);
    assert_eq!(health.body["spool"]["events"], 1);
    assert!(health.body["spool"]["oldest_age_ms"].is_u64(), "{health:?}");
    let ready = get(webhook.address(), "/readyz").await;
    assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)), "events are still taken");
    assert!(!format!("{:?}", config(folder.path())).contains(SECRET), "nor does Debug");
}

#[tokio::test]
async fn health_tells_what_an_operator_should_know_and_names_nobody() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    webhook.notices().raise("EVENT_SET_ASIDE", "evt_1", "the broker at 10.0.0.1 refuses it: see the log");
    let health = get(webhook.address(), "/healthz").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("degraded")));
    assert_eq!(health.body["notices"][0]["kind"], "EVENT_SET_ASIDE");
    assert_eq!(health.body["notices"][0]["count"], 1);
    assert!(!health.body.to_string().contains("evt_1") && !health.body.to_string().contains("10.0.0.1"));
    webhook.notices().resolve("EVENT_SET_ASIDE", "evt_1");
    assert_eq!(get(webhook.address(), "/healthz").await.body["status"], "ok");
}

#[tokio::test]
async fn a_wrong_secret_is_a_notice_that_ends_with_the_next_genuine_event() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let body = event("evt_1");
    for notices in [0, 0, 1, 1] {
        let foreign = signature("whsec_of_somebody_else", &body);
        let headers = [("stripe-signature", foreign.as_str())];
        let answer = request(webhook.address(), "POST", "/webhooks/stripe", &headers, &body).await.unwrap();
        assert_eq!(answer.reason(), "SIGNATURE_INVALID", "{answer:?}");
        let health = get(webhook.address(), "/healthz").await;
        assert_eq!(health.body["notices"].as_array().unwrap().len(), notices, "{health:?}");
    }
    let notice = &get(webhook.address(), "/healthz").await.body["notices"][0];
    assert_eq!((&notice["kind"], &notice["cause"]), (&json!("SIGNATURES_REFUSED"), &json!("stripe")), "{notice}");
    assert!(notice["remedy"].as_str().unwrap().contains("`webhook.stripe_secrets`"), "{notice}");
    assert_eq!(post(webhook.address(), &body).await.unwrap().status, 200);
    assert_eq!(get(webhook.address(), "/healthz").await.body["notices"], json!([]));
}

/// Does all at the same time.
async fn futures_all<T>(posts: impl Iterator<Item = impl Future<Output = std::io::Result<T>>>) -> Vec<T> {
    futures::future::try_join_all(posts).await.unwrap_or_else(|error| panic!("{error}"))
}
