//! Events with hostile content arrive as they are, and do no harm on the way.

use apiary_executor_sdk::testing::eventually;
use serde_json::json;

use crate::harness::{Broker, config, event_of, post, start};

#[tokio::test]
async fn whatever_an_event_says_its_bytes_arrive_unchanged() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let object = json!({
        "id": "sub_1", "metadata": {
            "user_id": "'; DROP TABLE subscriptions; --",
            "nul": "a\u{0}b", "bidi": "\u{202e}gpj", "lines": "\r\nset-cookie: a=b\r\n\r\n", "": "empty key",
            "long": "x".repeat(100_000), "label": "${stripe_event}", "emoji": "🐝", "number": 1e308,
        },
    });
    let deep = format!(
        r#"{{"id":"evt_deep","type":"customer.updated","livemode":true,"data":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let bodies = [
        ("evt_metadata", event_of("evt_metadata", "customer.subscription.updated", object)),
        ("evt_deep", deep.into_bytes()),
        ("evt_spaces", b" \n{\"livemode\" : true, \"type\":\"customer.updated\",\"id\":\"evt_spaces\"}\n\n".to_vec()),
        (
            "evt_numbers",
            br#"{"id":"evt_numbers","type":"customer.updated","livemode":true,"n":1.10000000000000000001}"#.to_vec(),
        ),
        ("evt_surrogate", br#"{"id":"evt_surrogate","type":"customer.updated","livemode":true,"n":"\ud83d"}"#.to_vec()),
    ];
    for broker_is_there in [true, false] {
        for (id, body) in &bodies {
            let answer = post(webhook.address(), body).await.unwrap();
            assert!(matches!(answer.status, 200 | 202), "{id}: {answer:?}");
            if broker_is_there {
                assert_eq!(broker.spec(id).args().to_bytes().unwrap(), *body, "{id}");
                let mut labels = broker.spec(id).labels.into_keys().collect::<Vec<_>>();
                labels.sort_unstable();
                assert_eq!(labels, ["livemode", "stripe_event", "stripe_type"], "nothing of the content is a label");
            }
        }
        broker.goes_away();
    }
    webhook.stop().await;

    let (broker, restarted) = (Broker::new(), tempfile::tempdir().unwrap());
    broker.goes_away();
    let webhook = start(config(restarted.path()), &broker).await;
    for (id, body) in &bodies {
        assert_eq!(post(webhook.address(), body).await.unwrap().status, 202, "{id}");
    }
    broker.is_back();
    eventually("all are forwarded", async || broker.events().len() == bodies.len()).await;
    for (id, body) in &bodies {
        assert_eq!(broker.spec(id).args().to_bytes().unwrap(), *body, "{id} over the spool");
    }
}

#[tokio::test]
async fn hostile_ids_are_refused_before_anything_is_kept() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let long = format!("evt_{}", "a".repeat(2000));
    for id in ["", "evt_", "../../etc/passwd", "evt_1\u{0}", "evt_1:live", "evt_\"", &long] {
        let answer = post(webhook.address(), &event_of(id, "invoice.paid", json!({}))).await.unwrap();
        assert_eq!((answer.status, answer.reason()), (400, "INVALID"), "{id:?}");
    }
    let kind = "invoice.paid\u{0}";
    let answer = post(webhook.address(), &event_of("evt_1", kind, json!({}))).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (400, "INVALID"));
    assert_eq!((broker.submits(), webhook.spool().waiting_events), (0, 0));
}
