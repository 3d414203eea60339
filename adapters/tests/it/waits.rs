//! Events that wait for the broker, or that it refused: shown with since when, why and what to do, until they are through.

use apiary_adapters::SpoolFile;
use apiary_executor_sdk::testing::eventually;
use apiary_identity::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::harness::{Broker, config, event, get, post, start};

/// The notice of this kind on a page.
fn notice(health: &Value, kind: &str) -> Option<Value> {
    health["notices"].as_array()?.iter().find(|notice| notice["kind"] == kind).cloned()
}

#[tokio::test]
async fn an_event_that_was_set_aside_leaves_at_once_when_its_resend_is_accepted() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    broker.does_not_accept("evt_0");
    broker.does_not_accept("evt_1");
    let webhook = start(config(folder.path()), &broker).await;
    for id in ["evt_0", "evt_1"] {
        assert_eq!(post(webhook.address(), &event(id)).await.unwrap().status, 202);
    }
    eventually("both are set aside", async || webhook.spool().set_aside_events == 2).await;
    broker.accepts_all();
    let answer = post(webhook.address(), &event("evt_0")).await.unwrap();
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("submitted")), "{answer:?}");
    // Whoever was answered finds it gone.
    let left = webhook.set_aside().await.unwrap();
    assert_eq!(left.iter().map(|one| one.idempotency_key.as_str()).collect::<Vec<_>>(), ["stripe:live::evt_1"]);
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!(health["spool"]["set_aside"], 1, "{health}");
    assert_eq!(post(webhook.address(), &event("evt_1")).await.unwrap().status, 200);
    assert_eq!(webhook.spool().set_aside_events, 0);
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!(health["spool"]["set_aside_oldest_age_ms"], Value::Null, "{health}");
    eventually("the notice ends", async || webhook.notices().list().is_empty()).await;
    let submits = broker.submits();
    webhook.stop().await;
    // Each start tries again what is set aside: there is nothing.
    let webhook = start(config(folder.path()), &broker).await;
    assert_eq!(post(webhook.address(), &event("evt_2")).await.unwrap().status, 200);
    assert_eq!((broker.submits(), webhook.stats().forwarded), (submits + 1, 0));
    webhook.stop().await;
}

#[tokio::test]
async fn a_resend_that_waits_in_line_takes_what_was_set_aside_along() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    broker.does_not_accept("evt_0");
    let webhook = start(config(folder.path()), &broker).await;
    post(webhook.address(), &event("evt_0")).await.unwrap();
    eventually("it is set aside", async || webhook.spool().set_aside_events == 1).await;
    broker.goes_away();
    for id in ["evt_1", "evt_0"] {
        assert_eq!(post(webhook.address(), &event(id)).await.unwrap().status, 202);
    }
    broker.is_back();
    eventually("it is refused again", async || webhook.stats().set_aside == 2).await;
    assert_eq!(webhook.set_aside().await.unwrap().len(), 1, "it is there once");
    broker.goes_away();
    for id in ["evt_2", "evt_0"] {
        assert_eq!(post(webhook.address(), &event(id)).await.unwrap().status, 202);
    }
    broker.accepts_all();
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 3).await;
    assert_eq!(webhook.set_aside().await.unwrap(), []);
    assert_eq!(webhook.spool().set_aside_events, 0);
    assert_eq!(broker.events(), ["evt_1", "evt_2", "evt_0"]);
}

#[tokio::test]
async fn a_wait_for_the_broker_is_in_healthz_with_since_when_the_cause_and_the_remedy() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let begun_ms = SystemClock.now_ms();
    let webhook = start(config(folder.path()), &broker).await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!(health["notices"], json!([]), "nothing was tried yet: {health}");
    post(webhook.address(), &event("evt_0")).await.unwrap();
    let health = get(webhook.address(), "/healthz").await.body;
    let away = notice(&health, "BROKER_AWAY").unwrap_or_else(|| panic!("{health}"));
    assert_eq!((&health["status"], &away["cause"]), (&json!("degraded"), &json!("UNREACHABLE")));
    assert!(away["remedy"].as_str().unwrap().contains("start the broker"), "{away}");
    let since_ms = away["since_ms"].as_i64().unwrap();
    assert!((begun_ms..=SystemClock.now_ms()).contains(&since_ms), "{away}");
    assert!(!away.to_string().contains("nobody listens there"), "hosts are nobody's business: {away}");
    eventually("each try counts", async || webhook.notices().list()[0].count > 1).await;
    assert_eq!(webhook.notices().list()[0].since_ms, since_ms, "it began once");

    broker.is_unready();
    eventually("its answer is told", async || webhook.notices().list()[0].subject == "UNAVAILABLE").await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!((health["notices"].as_array().unwrap().len(), &health["broker_reachable"]), (1, &json!(true)));
    let unready = notice(&health, "BROKER_AWAY").unwrap();
    assert_eq!((&health["status"], &unready["cause"]), (&json!("degraded"), &json!("UNAVAILABLE")));
    assert!(unready["remedy"].as_str().unwrap().contains("/readyz"), "{unready}");

    broker.refuses();
    eventually("it is refused", async || webhook.notices().list()[0].kind == "BROKER_REFUSES").await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!(health["notices"].as_array().unwrap().len(), 1, "{health}");
    let refused = notice(&health, "BROKER_REFUSES").unwrap();
    assert_eq!(refused["cause"], "NOT_PERMITTED");
    assert!(refused["remedy"].as_str().unwrap().contains("apiary grant add"), "{refused}");
    assert!(refused["since_ms"].as_i64().unwrap() >= since_ms);

    broker.is_back();
    eventually("it is forwarded", async || webhook.stats().forwarded == 1).await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!((&health["status"], &health["notices"]), (&json!("ok"), &json!([])));
}

#[tokio::test]
async fn what_an_operator_changes_in_the_spool_is_noticed_while_the_broker_is_away() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    broker.does_not_accept("evt_0");
    let config = config(folder.path());
    let path = config.spool_path.clone();
    let webhook = start(config, &broker).await;
    post(webhook.address(), &event("evt_0")).await.unwrap();
    eventually("it is set aside", async || webhook.spool().set_aside_events == 1).await;
    broker.refuses();
    post(webhook.address(), &event("evt_1")).await.unwrap();
    let file = SpoolFile::open(&path).await.unwrap();
    assert!(file.delete("stripe:live::evt_0").await.unwrap());
    file.close().await;
    eventually("the adapter notices", async || webhook.spool().set_aside_events == 0).await;
    assert_eq!(webhook.spool().waiting_events, 1);
    eventually("the notice ends", async || {
        webhook.notices().list().iter().all(|notice| notice.kind == "BROKER_REFUSES")
    })
    .await;
}
