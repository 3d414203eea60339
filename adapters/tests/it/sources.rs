//! Each source over HTTP: a signed request becomes a process, and a stranger's does not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong in a helper fails the test")]

use apiary_identity::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Broker, config_with, request, start};

fn hex_of(secret: &str, text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(text.as_bytes());
    hex::encode(hmac.finalize().into_bytes())
}

/// The published test vectors, of `APIARY_CASES`.
fn published(sender: &str) -> Value {
    let cases = std::env::var_os("APIARY_CASES").expect("APIARY_CASES is set: run `cargo xtask test`");
    let path = std::path::Path::new(&cases).join("webhooks/published_vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    vectors[sender].clone()
}

#[tokio::test]
async fn github_posts_every_published_payload_and_a_ping() {
    let cases = std::env::var_os("APIARY_CASES").expect("APIARY_CASES is set: run `cargo xtask test`");
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let settings: [(&str, &[&str]); 2] =
        [("webhook.github_secrets", &["the one of this test"]), ("webhook.github_routes", &["* = repos/look"])];
    // A line of the settings that takes everything takes the ping, too; the built-in one is for those who have none.
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let mut count = 0;
    for entry in std::path::Path::new(&cases).join("webhooks/github").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((event, _)) = name.split_once('.').filter(|_| name.ends_with(".payload.json")) else { continue };
        count += 1;
        let body = std::fs::read(&path).unwrap();
        let signature = format!("sha256={}", hex_of("the one of this test", std::str::from_utf8(&body).unwrap()));
        let id = format!("{count:08}-0000-0000-0000-000000000000");
        let headers =
            [("x-hub-signature-256", signature.as_str()), ("x-github-event", event), ("x-github-delivery", &id)];
        let answer = request(webhook.address(), "POST", "/webhooks/github", &headers, &body).await.unwrap();
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("submitted")), "{name}: {answer:?}");
        let spec = broker.specs().pop().unwrap();
        let action = serde_json::from_slice::<Value>(&body).unwrap()["action"].as_str().map(str::to_owned);
        let kind = action.map_or(event.to_owned(), |action| format!("{event}.{action}"));
        assert_eq!((&spec.labels["github_type"], &spec.labels["github_event"]), (&kind, &id), "{name}");
        assert_eq!(spec.args().to_bytes().unwrap(), body, "{name}");
    }
    assert_eq!(count, 21, "payloads");
}

#[tokio::test]
async fn a_ping_of_github_is_answered_and_the_published_signature_is_good() {
    let vector = published("github");
    let (secret, body) = (vector["secret"].as_str().unwrap(), vector["body"].as_str().unwrap());
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &[("webhook.github_secrets", &[secret])]).unwrap(), &broker).await;
    let post = async |signature: &str, body: &str| {
        let headers = [("x-hub-signature-256", signature), ("x-github-event", "ping"), ("x-github-delivery", "1")];
        request(webhook.address(), "POST", "/webhooks/github", &headers, body.as_bytes()).await.unwrap()
    };
    let answer = post(vector["published"].as_str().unwrap(), body).await;
    assert_eq!((answer.status, answer.reason()), (400, "INVALID"), "signed, and no event: {answer:?}");
    let ping = r#"{"zen":"Keep it logically awesome.","hook_id":1}"#;
    let answer = post(&format!("sha256={}", hex_of(secret, ping)), ping).await;
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("ignored")), "{answer:?}");
    let traffic = webhook.traffic();
    assert_eq!((traffic.sources["github"]["ping"].nowhere, traffic.sources["github"]["ping"].ignored), (0, 1));
}

#[tokio::test]
async fn the_published_signature_of_svix_is_good_and_old() {
    let vector = published("svix");
    let text = |name: &str| vector[name].as_str().unwrap();
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let settings: [(&str, &[&str]); 2] =
        [("webhook.standard_secrets", &[text("secret")]), ("webhook.standard_tolerance_seconds", &["3600"])];
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let time = vector["timestamp"].to_string();
    for (body, reason) in [(text("body"), "SIGNATURE_STALE"), ("{\"test\": 0}", "SIGNATURE_INVALID")] {
        let headers = [("svix-id", text("id")), ("svix-timestamp", &time), ("svix-signature", text("published"))];
        let answer = request(webhook.address(), "POST", "/webhooks/standard", &headers, body.as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.reason()), (401, reason), "{answer:?}");
    }
}

#[tokio::test]
async fn named_senders_have_paths_labels_and_keys_of_their_own() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let settings: [(&str, &[&str]); 3] = [
        (
            "webhook.hmac_senders",
            &[
                "shop header=X-Sign id=field:id type=field:type",
                "tables header=X-Time-Sign timestamp=X-Time id=field:id type=always:row",
            ],
        ),
        ("webhook.hmac_secrets", &["shop=swordfish of this test", "tables=another of this test"]),
        ("webhook.hmac_routes", &["shop/order.paid = orders/take", "tables/* = rows/sync"]),
    ];
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let body = r#"{"id":"e1","type":"order.paid"}"#;
    let time = SystemClock.now().as_second().to_string();
    let (one, other) =
        (hex_of("swordfish of this test", body), hex_of("another of this test", &format!("{time}.{body}")));
    let posts: [(&str, &[(&str, &str)]); 2] =
        [("/webhooks/shop", &[("x-sign", &one)]), ("/webhooks/tables", &[("x-time-sign", &other), ("x-time", &time)])];
    for (path, headers) in posts {
        let answer = request(webhook.address(), "POST", path, headers, body.as_bytes()).await.unwrap();
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("submitted")), "{path}: {answer:?}");
    }
    let specs = broker.specs();
    let keys: Vec<_> = specs.iter().map(|spec| spec.idempotency_key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["shop:::e1", "tables:::e1"]);
    assert_eq!((specs[0].function.as_str(), specs[1].labels["tables_type"].as_str()), ("take", "row"));
    let headers = [("x-sign", other.as_str())];
    let crossed = request(webhook.address(), "POST", "/webhooks/shop", &headers, body.as_bytes()).await.unwrap();
    assert_eq!(crossed.reason(), "SIGNATURE_INVALID");
    let none = request(webhook.address(), "POST", "/webhooks/hmac", &[], body.as_bytes()).await.unwrap();
    assert_eq!(none.status, 404, "the kind itself is no sender");
}

#[tokio::test]
async fn the_event_logs_door_takes_one_event_or_a_list_and_names_what_is_wrong() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let schemas = folder.path().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    std::fs::write(schemas.join("user.added.json"), r#"{"required":["name"],"properties":{"name":{"type":"string"}}}"#)
        .unwrap();
    let token = "0123456789abcdef0123";
    let settings: [(&str, &[&str]); 3] = [
        ("webhook.eventlog_secrets", &[token]),
        ("webhook.eventlog_schemas", &[schemas.to_str().unwrap()]),
        ("webhook.eventlog_routes", &["user.* = people/welcome"]),
    ];
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let bearer = format!("Bearer {token}");
    let post = async |body: &str| {
        request(webhook.address(), "POST", "/events/log", &[("authorization", &bearer)], body.as_bytes()).await.unwrap()
    };
    let one = r#"{"type":"user.added","id":"u1","data":{"name":"ada"}}"#;
    let answer = post(one).await;
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("submitted")), "{answer:?}");
    assert_eq!(broker.specs()[0].args().to_bytes().unwrap(), one.as_bytes());
    let answer = post(&format!("[{one}, {}]", one.replace("u1", "u2"))).await;
    let events = answer.body["events"].as_array().unwrap();
    assert_eq!((&events[0]["existed"], &events[1]["existed"]), (&json!(true), &json!(false)), "{answer:?}");
    assert_eq!(
        broker.specs()[1].args().to_bytes().unwrap(),
        one.replace("u1", "u2").as_bytes(),
        "each has its own part"
    );
    let answer = post(&format!("[{one}, {}]", r#"{"type":"user.added","data":{"name":7}}"#)).await;
    assert_eq!((answer.status, answer.reason()), (422, "SCHEMA_MISMATCH"), "{answer:?}");
    assert_eq!(answer.body["error"]["faults"][0]["pointer"], "/1/data/name", "{answer:?}");
    assert_eq!(broker.specs().len(), 2, "nothing of a bad list is kept");
    let headers = [("authorization", "Bearer no")];
    let stranger = request(webhook.address(), "POST", "/events/log", &headers, one.as_bytes()).await.unwrap();
    assert_eq!(stranger.reason(), "TOKEN_INVALID");
}
