//! `GET /v1/snapshot`: the colony's state as JSON, once or as a stream.

use apiary_executor_sdk::v1;
use apiary_identity::{Clock as _, Envelope, KeyPair, Revocation, SystemClock};
use apiary_protocol::schema::{ReadSchema, SchemaBounds};
use apiary_tests::TestColony;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::processes::read::{header, read};

on_each_store!(
    a_snapshot_is_read_over_http_in_the_form_of_its_schema,
    a_stream_of_snapshots_shows_what_changes_and_ends_with_the_grant,
    a_stream_of_snapshots_ends_with_the_broker,
    only_readers_read_it_and_bad_intervals_are_refused
);

/// The checked-in schema of the document.
const SCHEMA: &str = include_str!("../../../docs/snapshot.schema.json");

/// Asserts that a snapshot matches the schema.
fn check(snapshot: &Value) {
    let bounds = SchemaBounds { values_max: 10_000, depth_max: 100, pattern_bytes_max: 1 << 20 };
    let schema = ReadSchema::read(serde_json::from_str(SCHEMA).unwrap(), bounds).unwrap().compile().unwrap();
    assert_eq!(schema.check(snapshot).err(), None, "{snapshot}");
}

async fn a_snapshot_is_read_over_http_in_the_form_of_its_schema(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    colony.executor("bee", "t").await;
    user.submit_json("t", "f", &()).await.unwrap();
    let (status, snapshot) = read(&colony, &colony.key_of("reader"), "/v1/snapshot").await;
    assert_eq!(status, StatusCode::OK, "{snapshot}");
    check(&snapshot);
    assert_eq!((&snapshot["states"], &snapshot["broker"]["ready"]), (&json!({ "waiting": 1 }), &json!(true)));
    assert_eq!((&snapshot["queues"][0]["executor_type"], &snapshot["webhook"]), (&json!("t"), &json!(null)));
    // The same as by gRPC.
    let health = reader.get_health().await.unwrap();
    assert_eq!(snapshot["healthy"], health.healthy);
    let answer = reader.connect().await.unwrap();
    assert_eq!(
        (&snapshot["broker"]["id"], &snapshot["broker"]["version"]),
        (&json!(answer.broker_id), &json!(answer.version))
    );
}

/// Opens a stream of snapshots; returns its events, each with its name and data.
async fn stream(colony: &TestColony, key: &KeyPair, target: &str) -> BoxStream<'static, (String, Value)> {
    let url = format!("http://{}{target}", colony.address());
    let signed = header(colony, key, target).await;
    let answer = apiary_tests::http().get(url).header("apiary-request", signed).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let events = futures::stream::unfold((answer, String::new()), |(mut answer, mut begun)| async move {
        loop {
            if let Some((event, rest)) = begun.split_once("\n\n") {
                let (name, data) = event.split_once('\n').unwrap();
                let name = name.strip_prefix("event: ").unwrap().to_owned();
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                let rest = rest.to_owned();
                return Some(((name, data), (answer, rest)));
            }
            begun.push_str(std::str::from_utf8(&answer.chunk().await.unwrap()?).unwrap());
        }
    });
    events.boxed()
}

async fn a_stream_of_snapshots_shows_what_changes_and_ends_with_the_grant(colony: TestColony) {
    let owner = colony.client(&colony.key);
    colony.reader().await;
    let key = colony.key_of("reader");
    let mut events = stream(&colony, &key, "/v1/snapshot?every=1s").await;
    let (name, first) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &first["pauses"]), ("snapshot", &json!([])));
    check(&first);
    let pause =
        v1::PauseRequest { kind: "colony".to_owned(), reason: "a test".to_owned(), ..v1::PauseRequest::default() };
    owner.pause(pause).await.unwrap();
    let paused = async {
        loop {
            let (_, next) = events.next().await.unwrap();
            if next["pauses"] != json!([]) {
                return next;
            }
        }
    };
    assert_eq!(paused.await["findings"][0]["kind"], "PAUSED");
    let revocation = Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(key.id()),
        from: SystemClock.now(),
        reason: None,
    };
    owner.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    let rest: Vec<(String, Value)> = events.collect().await;
    let (name, last) = rest.last().unwrap();
    assert_eq!((name.as_str(), &last["error"]["reason"]), ("end", &json!("NOT_PERMITTED")), "{last}");
}

async fn a_stream_of_snapshots_ends_with_the_broker(mut colony: TestColony) {
    let mut events = stream(&colony, &colony.key, "/v1/snapshot?every=60s").await;
    events.next().await.unwrap();
    colony.stop().await;
    let (name, last) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &last["error"]["reason"]), ("end", &json!("DRAINING")), "{last}");
    assert!(events.next().await.is_none());
}

async fn only_readers_read_it_and_bad_intervals_are_refused(colony: TestColony) {
    colony.user("ada").await;
    for target in ["/v1/snapshot", "/v1/snapshot?every=5s"] {
        assert_eq!(read(&colony, &colony.key_of("ada"), target).await.0, StatusCode::FORBIDDEN, "{target}");
    }
    for bad in ["every=", "every=0s", "every=999ms", "every=61s", "every=5", "evry=5s", "every=5s&every=5s"] {
        let (status, body) = read(&colony, &colony.key, &format!("/v1/snapshot?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {body}");
    }
}
