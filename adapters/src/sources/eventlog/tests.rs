//! Events of one's own programs, their schemas, and what must be refused.

use std::fs;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalogue::Catalogue;
use super::source::EventLogEndpoint;
use crate::{Endpoint as _, Event, Refusal};

const TOKEN: &str = "a token of this test";

fn endpoint(catalogue: Option<Catalogue>) -> EventLogEndpoint {
    EventLogEndpoint { tokens: vec![TOKEN.replace(' ', "-").as_str().into()], catalogue }
}

fn post(endpoint: &EventLogEndpoint, body: &str) -> Result<Vec<Event>, Refusal> {
    let mut headers = HeaderMap::new();
    headers.append("authorization", format!("Bearer {}", TOKEN.replace(' ', "-")).parse().unwrap());
    endpoint.verify(&headers, body.as_bytes(), Timestamp::UNIX_EPOCH)
}

/// Schemas of two types.
fn catalogue() -> Catalogue {
    let folder = tempfile::tempdir().unwrap();
    let order = json!({
        "type": "object", "required": ["total"],
        "properties": { "total": { "type": "integer", "minimum": 0 }, "note": { "type": "string" } },
    });
    fs::write(folder.path().join("order.paid.json"), order.to_string()).unwrap();
    fs::write(folder.path().join("ping.json"), "true").unwrap();
    fs::write(folder.path().join("README.md"), "not a schema").unwrap();
    Catalogue::read(folder.path()).unwrap()
}

/// Pointers and problems of a refusal.
fn faults(found: Result<Vec<Event>, Refusal>) -> Vec<(String, String)> {
    match found.unwrap_err() {
        Refusal::EventInvalid(faults) => faults.into_iter().map(|fault| (fault.pointer, fault.problem)).collect(),
        other => vec![(String::new(), other.to_string())],
    }
}

#[test]
fn one_event_and_a_list_are_read_each_with_its_own_bytes() {
    let one = r#" {"type":"ping", "id":"e1", "data":1.10000000000000000001, "actor":"ada"} "#;
    let found = post(&endpoint(None), one).unwrap();
    let wanted = Event { args: Some(one.trim().as_bytes().to_vec()), shares_id: true, ..Event::new("e1", "ping") };
    assert_eq!(found, std::slice::from_ref(&wanted));
    let list = format!("[{one},{{\"type\":\"pong\",\"data\":null}}]");
    let found = post(&endpoint(None), &list).unwrap();
    assert_eq!((&found[0], found[1].kind.as_str(), found.len()), (&wanted, "pong", 2));
    assert_eq!(found[1].id.len(), 36, "an id of our own");
    assert_ne!(post(&endpoint(None), &list).unwrap()[1].id, found[1].id, "each time another");
}

#[test]
fn an_event_that_does_not_fit_is_told_by_pointer_and_without_its_values() {
    let endpoint = endpoint(Some(catalogue()));
    let with = |data: Value| post(&endpoint, &json!({ "type": "order.paid", "data": data }).to_string());
    assert!(with(json!({ "total": 5, "more": 1 })).is_ok());
    assert_eq!(
        faults(with(json!({ "total": "sk_live" }))),
        [("/data/total".into(), "is a string, and must be an integer".into())]
    );
    assert_eq!(faults(with(json!({}))), [("/data".into(), "lacks \"total\"".into())]);
    let list = json!([
        { "type": "ping", "data": 0 },
        { "type": "order.paid", "data": { "total": -1 } },
        { "type": "unknown", "data": 0 },
        { "type": "order.paid" },
        7,
    ]);
    let found = faults(post(&endpoint, &list.to_string()));
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/1/data/total", "/2/type", "/3", "/4"], "{found:?}");
}

#[test]
fn a_body_that_is_no_event_is_refused() {
    for body in ["", "null", "7", "[]", "{", "[{}", "\"a\"", &format!("[{}7]", "7,".repeat(100))] {
        assert!(post(&endpoint(None), body).is_err(), "{body}");
    }
    for (body, pointer) in [
        (r#"{"data":1}"#, ""),
        (r#"{"type":"a b","data":1}"#, "/type"),
        (r#"{"type":7,"data":1}"#, "/type"),
        (r#"{"type":"a","data":1,"id":"a:b"}"#, "/id"),
        (r#"{"type":"a","data":1,"id":7}"#, "/id"),
        (r#"{"type":"a"}"#, ""),
    ] {
        assert_eq!(faults(post(&endpoint(None), body))[0].0, pointer, "{body}");
    }
    let deep = format!(r#"{{"type":"a","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(post(&endpoint(None), &deep), Err(Refusal::EventInvalid(_))));
}

#[test]
fn only_the_right_token_is_good() {
    let endpoint = endpoint(None);
    let with = |value: Option<&str>| {
        let mut headers = HeaderMap::new();
        value.map(|value| headers.append("authorization", value.parse().unwrap()));
        endpoint.verify(&headers, br#"{"type":"a","data":1}"#, Timestamp::UNIX_EPOCH)
    };
    let token = TOKEN.replace(' ', "-");
    assert!(with(Some(&format!("bearer  {token}"))).is_ok(), "the scheme's case does not matter");
    assert!(matches!(with(None), Err(Refusal::SignatureMissing(_))));
    for value in ["Bearer", "Basic abc", token.as_str()] {
        assert!(matches!(with(Some(value)), Err(Refusal::SignatureMalformed { .. })), "{value}");
    }
    for value in ["Bearer ", "Bearer x", &format!("Bearer {token}x"), &format!("Bearer {}", &token[1..])] {
        assert_eq!(with(Some(value)), Err(Refusal::TokenWrong), "{value}");
    }
}

#[test]
fn a_field_that_stands_there_twice_gets_past_no_schema() {
    let endpoint = endpoint(Some(catalogue()));
    for body in [
        r#"{"type":"order.paid","data":{"total":-1},"data":{"total":1}}"#,
        r#"{"type":"ping","type":"order.paid","data":{"total":1}}"#,
        r#"{"type":"ping","id":"a","id":"b","data":1}"#,
        r#"["ping","a",1]"#,
        r#"[["ping","a",1]]"#,
    ] {
        let found = faults(post(&endpoint, body));
        assert!(found[0].1.contains("is not an object"), "{body}: {found:?}");
    }
    assert!(post(&endpoint, r#"{"type":"ping","data":null,"actor":1,"actor":2}"#).is_ok(), "that is the bee's");
}

#[test]
fn a_short_token_and_a_bad_schema_are_named() {
    let short = EventLogEndpoint { tokens: vec!["0123456789".into()], catalogue: None };
    let told = short.check().unwrap_err().to_string();
    assert!(
        told.contains("`webhook.eventlog_secrets` has an invalid entry 1") && !told.contains("0123456789"),
        "{told}"
    );
    for (name, text, words) in [
        ("a.json", "{", "a.json is not JSON (line 1"),
        ("a.json", r#"{"type":"nothing"}"#, "is no JSON Schema"),
        ("a.json", r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "another `$schema`"),
        ("a.json", r#"{"$ref":"https://example.com/x"}"#, "a.json"),
        ("a b.json", "true", "not named after a type"),
        ("a.txt", "true", "has no schema"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let told = Catalogue::read(folder.path()).unwrap_err();
        assert!(told.contains(words), "{name}: {told}");
    }
    assert!(Catalogue::read(std::path::Path::new("/nowhere")).unwrap_err().contains("cannot be read"));
}
