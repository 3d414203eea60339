//! Routes by settings: where events go, what is counted, and what goes nowhere.

use apiary_adapters::TrafficReport;
use apiary_executor_sdk::testing::eventually;
use serde_json::json;

use crate::harness::{Broker, SECRET, config_with, event_of, get, post, start};

const LINES: &[&str] = &[
    "charge.refunded = refunds/note priority=5 label.team=shop max_exec=2m retries=3",
    "invoice.paid = also ledger/book",
    "payout.* = ignore",
];

fn settings<'s>(lines: &'s [&'s str]) -> [(&'s str, &'s [&'s str]); 2] {
    [("webhook.stripe_secrets", &[SECRET]), ("webhook.stripe_routes", lines)]
}

#[tokio::test]
async fn an_event_goes_where_the_settings_say() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &settings(LINES)).unwrap(), &broker).await;
    let refund = post(webhook.address(), &event_of("evt_1", "charge.refunded", json!({}))).await.unwrap();
    assert_eq!((refund.status, &refund.body["outcome"]), (200, &json!("submitted")), "{refund:?}");
    let spec = broker.spec("evt_1");
    assert_eq!((spec.executor_type.as_str(), spec.function.as_str()), ("refunds", "note"));
    assert_eq!((spec.priority, spec.max_exec_ms, spec.max_retries), (5, 120_000, 3));
    assert_eq!((spec.labels["team"].as_str(), spec.labels["stripe_event"].as_str()), ("shop", "evt_1"));
    let paid = post(webhook.address(), &event_of("evt_2", "invoice.paid", json!({}))).await.unwrap();
    let (main, copy) = (&broker.specs()[1], &broker.specs()[2]);
    assert_eq!((main.function.as_str(), copy.function.as_str()), ("stripe.event", "book"));
    assert_eq!(copy.idempotency_key.as_deref(), Some("stripe:live::evt_2:ledger/book"));
    let submitted =
        json!([{ "outcome": "submitted", "process_id": copy.process_id, "existed": false, "redriven": false }]);
    assert_eq!((&paid.body["process_id"], &paid.body["copies"]), (&json!(main.process_id), &submitted));
    post(webhook.address(), &event_of("evt_2", "invoice.paid", json!({}))).await.unwrap();
    assert_eq!(broker.specs().len(), 3, "a repeated event is there once at each target");
    let ignored = post(webhook.address(), &event_of("evt_3", "payout.paid", json!({}))).await.unwrap();
    assert_eq!((ignored.status, &ignored.body["outcome"]), (200, &json!("ignored")));
}

#[tokio::test]
async fn a_copy_is_spooled_like_any_event() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config_with(folder.path(), &settings(LINES)).unwrap(), &broker).await;
    let answer = post(webhook.address(), &event_of("evt_2", "invoice.paid", json!({}))).await.unwrap();
    assert_eq!((answer.status, &answer.body["copies"]), (202, &json!([{ "outcome": "spooled" }])), "{answer:?}");
    broker.is_back();
    eventually("both are forwarded", async || broker.specs().len() == 2).await;
}

#[tokio::test]
async fn what_goes_nowhere_is_counted_by_type_and_shown() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &settings(LINES)).unwrap(), &broker).await;
    for (id, kind) in
        [("evt_1", "file.created"), ("evt_2", "file.created"), ("evt_3", "payout.paid"), ("evt_4", "invoice.paid")]
    {
        post(webhook.address(), &event_of(id, kind, json!({}))).await.unwrap();
    }
    let report = webhook.traffic();
    let stripe = &report.sources["stripe"];
    let numbers = |kind: &str| (stripe[kind].events, stripe[kind].nowhere, stripe[kind].ignored);
    assert_eq!(
        (numbers("file.created"), numbers("payout.paid"), numbers("invoice.paid")),
        ((2, 2, 0), (1, 0, 1), (1, 0, 0))
    );
    assert_eq!(stripe["invoice.paid"].to, ["finance/stripe.event", "ledger/book"]);
    assert_eq!(stripe["file.created"].nowhere_last_ms, Some(stripe["file.created"].last_ms));
    let health = get(webhook.address(), "/healthz").await;
    let shown = &health.body["without_route"];
    assert_eq!(
        (&shown[0]["type"], &shown[0]["events"], shown.as_array().unwrap().len()),
        (&json!("file.created"), &json!(2), 1)
    );
    assert_eq!(health.body["status"], "ok", "a type that nobody wants is no fault");
}

#[tokio::test]
async fn the_counts_continue_after_a_restart() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let config = config_with(folder.path(), &settings(&[])).unwrap();
    let webhook = start(config.clone(), &broker).await;
    post(webhook.address(), &event_of("evt_1", "file.created", json!({}))).await.unwrap();
    let spool = folder.path().join("spool");
    eventually("they are written", async || {
        TrafficReport::read(&spool).unwrap().is_some_and(|report| !report.sources.is_empty())
    })
    .await;
    post(webhook.address(), &event_of("evt_2", "file.created", json!({}))).await.unwrap();
    webhook.stop().await;
    assert_eq!(
        TrafficReport::read(&spool).unwrap().unwrap().sources["stripe"]["file.created"].events,
        2,
        "at the end, too"
    );
    let webhook = start(config.clone(), &broker).await;
    post(webhook.address(), &event_of("evt_3", "file.created", json!({}))).await.unwrap();
    assert_eq!(webhook.traffic().sources["stripe"]["file.created"].nowhere, 3);
    webhook.stop().await;
    std::fs::write(spool.join("traffic.json"), "no counts").unwrap();
    assert!(TrafficReport::read(&spool).unwrap_err().to_string().contains("remove it"));
    let webhook = start(config, &broker).await;
    assert!(webhook.traffic().sources.is_empty(), "counts that cannot be read begin anew");
}

#[tokio::test]
async fn the_number_of_counted_types_is_bounded() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &settings(&[])).unwrap(), &broker).await;
    for number in 0..260 {
        let kind = format!("made.up_{number}");
        post(webhook.address(), &event_of(&format!("evt_{number}"), &kind, json!({}))).await.unwrap();
    }
    let stripe = &webhook.traffic().sources["stripe"];
    assert_eq!((stripe.len(), stripe["(others)"].nowhere), (257, 4));
}

#[tokio::test]
async fn a_thin_event_goes_to_the_finance_bee_which_reads_its_object() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let lines = ["invoice.paid = ledger/book", "v2.core.account.* = accounts/look"];
    let webhook = start(config_with(folder.path(), &settings(&lines)).unwrap(), &broker).await;
    let related = json!({ "id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1" });
    let thin = |id: &str, kind: &str| {
        json!({ "id": id, "object": "v2.core.event", "type": kind, "livemode": true, "context": "acct_1",
                "created": "2026-10-01T00:00:00.000Z", "related_object": related })
    };
    for (event, outcome) in [
        (thin("evt_1", "v1.invoice.paid"), "submitted"),
        (thin("evt_2", "v2.core.account.closed"), "submitted"),
        (thin("evt_3", "v2.core.event_destination.ping"), "ignored"),
    ] {
        let answer = post(webhook.address(), event.to_string().as_bytes()).await.unwrap();
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!(outcome)), "{event}: {answer:?}");
    }
    let specs = broker.specs();
    let targets: Vec<_> = specs.iter().map(|spec| format!("{}/{}", spec.executor_type, spec.function)).collect();
    assert_eq!(targets, ["finance/stripe.event", "accounts/look"], "a line for `invoice.paid` wants its contents");
    assert_eq!(specs[0].args().to_bytes().unwrap(), thin("evt_1", "v1.invoice.paid").to_string().as_bytes());
    assert_eq!(specs[0].idempotency_key.as_deref(), Some("stripe:live:acct_1:evt_1"));
    assert_eq!(specs[0].labels["stripe_account"], "acct_1");
}
