//! Events with whatever somebody could write into them: stored safely, or refused for good.

use apiary_bees::finance::{Change, Record as _, Subscription, SubscriptionQuery};
use serde_json::{Value, json};

use crate::harness::event::{T0, apply, event, subscription};
use crate::harness::file::File;

/// Metadata as hostile as JSON allows.
pub(crate) fn hostile_metadata() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let many: Value = (0..5000).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    vec![
        json!({"user_id": "'; drop table stripe_subscriptions; --", "'); select 1": "\") or 1=1"}),
        json!({"user_id": "nul\u{0}nul", "nul\u{0}key": "\u{0}"}),
        json!({"user_id": "🐝".repeat(200), "\u{202e}rtl": "\u{feff}\u{200b}", "e\u{301}": "\u{10ffff}"}),
        json!({"user_id": "x".repeat(100_000)}),
        json!({"user_id": ["a", {"b": null}], "deep": deep}),
        json!({"user_id": 12345678901234567890_u64, "float": 1e300, "bool": false, "null": null}),
        json!({"__proto__": "x", "constructor": "y", "$ne": "", "": "empty key", "user_id": ""}),
        json!({"path": "../../etc/passwd\r\nX-Header: 1", "json": "{\"a\":1}", "$.a[0]": "b"}),
        many,
        json!("a text"),
        json!([1, 2, 3]),
        json!(7),
        Value::Null,
    ]
}

/// Returns one event for each kind of hostile metadata, each of its own subscription.
pub(crate) fn hostile_events() -> Vec<Vec<u8>> {
    let events = (0..).zip(hostile_metadata()).map(|(n, metadata)| {
        let mut object = subscription(&format!("sub_{n:02}"), "cus_'; drop table stripe_customers; --", "active", T0);
        object["metadata"] = metadata;
        event(&format!("evt_{n}"), "customer.subscription.updated", T0, &object)
    });
    events.collect()
}

/// Asserts that the events' metadata are stored within bounds.
pub(crate) fn assert_hostile_metadata_are_stored_safely(rows: &[Subscription]) {
    assert_eq!(rows.len(), hostile_metadata().len());
    for row in rows {
        assert_eq!(row.status.as_deref(), Some("active"));
        assert_eq!(row.customer_id.as_deref(), Some("cus_'; drop table stripe_customers; --"));
        assert!(row.metadata.as_object().unwrap().len() <= 50);
    }
    let users: Vec<_> = rows.iter().map(|row| row.user_id.as_deref()).collect();
    assert_eq!(users[0], Some("'; drop table stripe_subscriptions; --"));
    assert_eq!(users[1], Some("nul\u{fffd}nul"));
    assert_eq!(users[2], Some("🐝".repeat(200).as_str()));
    assert_eq!(users[5], Some("12345678901234567890"));
    assert!(users[3].is_none() && users[4].is_none() && users[6..].iter().all(Option::is_none), "{users:?}");
    assert_eq!(rows[1].metadata["nul\u{fffd}key"], "\u{fffd}");
    assert_eq!(rows[6].metadata[""], "empty key");
}

#[tokio::test]
async fn hostile_metadata_are_stored_safely() {
    let file = File::new().await;
    for event in hostile_events() {
        apply(&file.record, &event).await;
    }
    let rows = file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
    assert_hostile_metadata_are_stored_safely(&rows);
}

#[test]
fn what_cannot_be_an_event_is_refused_in_words() {
    let good = event("evt_1", "customer.subscription.updated", T0, &subscription("sub_1", "cus_1", "active", T0));
    let change = |path: &[&str], value: Value| {
        let mut event: Value = serde_json::from_slice(&good).unwrap();
        *path.iter().fold(&mut event, |inner, key| &mut inner[*key]) = value;
        event.to_string()
    };
    let bad = [
        String::new(),
        "[".repeat(100_000),
        format!("{{\"id\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)),
        change(&["id"], json!("")),
        change(&["id"], json!("evt-1'; --")),
        change(&["id"], json!("x".repeat(256))),
        change(&["id"], Value::Null),
        change(&["created"], json!(-1)),
        change(&["created"], json!(i64::MAX)),
        change(&["created"], json!("yesterday")),
        change(&["data"], Value::Null),
        change(&["data", "object", "id"], json!("")),
        change(&["data", "object", "id"], json!("sub\u{0}")),
        change(&["data", "object", "id"], json!(["sub_1"])),
        change(&["data", "object", "status"], Value::Null),
        change(&["data", "object", "customer"], json!(7)),
        change(&["data", "object", "ended_at"], json!(i64::MAX)),
        change(&["data", "object", "items"], json!("none")),
        change(&["data", "object", "metadata"], (0..200).fold(json!(1), |inner, _| json!([inner]))),
    ];
    for event in bad {
        let error = Change::from_event(event.as_bytes()).expect_err(&event).to_string();
        assert!(error.contains("look at the event at Stripe") || error.contains("the webhook's body"), "{error}");
        assert!(error.len() < 1000, "{error}");
    }
    assert!(Change::from_event(&[0xff, 0xfe]).is_err());
    assert!(Change::from_event(&vec![b' '; 2 * 1024 * 1024]).is_err());
}

#[test]
fn nested_brackets_in_an_object_that_is_not_read_do_no_harm() {
    let object = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let event = format!(r#"{{"id":"evt_1","type":"x","created":1,"data":{{"object":{object}}}}}"#);
    assert!(Change::from_event(event.as_bytes()).unwrap().event.reason.is_some());
}

#[test]
fn the_payload_is_kept_byte_by_byte() {
    let text = "{ \"id\" : \"evt_1\",\"type\":\"x\", \"created\":1 ,\"data\":{\"object\":{\"a\":\"\\u0000\\ud83d\\udc1d\"}}}\n";
    assert_eq!(&*Change::from_event(text.as_bytes()).unwrap().event.payload, text);
}
