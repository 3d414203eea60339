//! The vectors that the TypeScript examples share with the Rust code: `adapters/examples/vectors.json`.
//! `TRYCMD=overwrite cargo test -p apiary-adapters vector` writes the file anew.
//!
//! Keys and signing secrets are SHA-256 of labels in the file, so that it holds no secret.

use apiary_identity::{Content, Document as _, Envelope, Id, KeyPair, Spec};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sources::stripe::StripeConfig;
use crate::{Destination, Endpoint as _, Receiver, Refusal};

const FILE: &str = "examples/vectors.json";
const PROCESS_ID: &str = "01a1fdfa-4678-7000-8000-000000000001";
/// Whole milliseconds, because JavaScript knows no shorter time; the time in [`PROCESS_ID`].
const NOW: &str = "2026-11-21T12:00:00.12Z";

#[test]
fn the_shared_vectors_are_those_of_this_code() {
    let made = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var("TRYCMD").is_ok_and(|mode| mode == "overwrite") {
        std::fs::write(path(), &made).unwrap();
    }
    let found = std::fs::read_to_string(path()).unwrap_or_default();
    let line = found.lines().zip(made.lines()).position(|(found, made)| found != made);
    assert!(
        found == made,
        "adapters/{FILE}, line {:?}: `TRYCMD=overwrite cargo test -p apiary-adapters vector` writes it, and says that \
         the TypeScript examples must follow",
        line.map(|line| line + 1)
    );
}

/// Reads the file as a verifier would: each envelope opens, and holds the document beside it.
#[test]
fn every_envelope_in_the_shared_vectors_opens() {
    let file: Value = serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap();
    let specs = [&file["specs"], &file["events"]].map(|list| list.as_array().unwrap()).into_iter().flatten();
    let mut count = 0;
    for vector in specs {
        let envelope = Envelope::from_json(vector["envelope"].as_str().unwrap().as_bytes()).unwrap();
        let spec: Spec = envelope.open().unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert_eq!(spec.to_json().unwrap(), vector["document"].as_str().unwrap().as_bytes(), "{}", vector["name"]);
        assert_eq!(envelope.digest().to_string(), vector["digest"].as_str().unwrap());
        count += 1;
    }
    assert!(count > 30, "the file has vectors: {count}");
}

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

fn vectors() -> Value {
    json!({
        "about": "Made by adapters/src/vector_tests.rs. A key's seed is SHA-256 of its label; a signing secret is whsec_ and SHA-256 of its label in hexadecimal.",
        "specs": specs(),
        "refused": refused(),
        "events": events(),
        "signatures": signatures(),
    })
}

fn seed(label: &str) -> [u8; 32] {
    Sha256::digest(label.as_bytes()).into()
}

fn secret(label: &str) -> String {
    format!("whsec_{}", hex::encode(seed(label)))
}

fn colony() -> Id {
    KeyPair::from_seed(&seed("colony")).id()
}

/// Returns the fields that every spec has, with these beside them.
fn spec_with(fields: Value) -> Value {
    let mut spec = json!({
        "colony": colony().to_string(),
        "process_id": PROCESS_ID,
        "submit_by": "2026-11-22T12:00:00Z",
        "function": "f",
        "executor_type": "t",
    });
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    spec.as_object_mut().unwrap().extend(fields);
    spec
}

fn specs() -> Vec<Value> {
    let mut vectors: Vec<Value> =
        inputs().into_iter().map(|(name, input)| vector(name, &format!("user of {name}"), input, b"")).collect();
    vectors.extend(arguments().into_iter().map(|(name, args)| vector(name, "user", spec_with(json!({})), &args)));
    vectors
}

fn vector(name: &str, label: &str, input: Value, args: &[u8]) -> Value {
    let spec = Spec::from_json(input.to_string().as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let sealed = sealed(label, &spec.with_args(Content::from_bytes(args)));
    joined(json!({ "name": name, "seed_label": label, "spec": input, "args_hex": hex::encode(args) }), sealed)
}

/// Returns the document of a spec, its digest, and its envelope by the key of this label.
fn sealed(label: &str, spec: &Spec) -> Value {
    let envelope = Envelope::seal(&KeyPair::from_seed(&seed(label)), spec).unwrap();
    json!({
        "document": std::str::from_utf8(&envelope.payload).unwrap(),
        "digest": envelope.digest().to_string(),
        "envelope": String::from_utf8(envelope.to_json()).unwrap(),
    })
}

fn joined(mut left: Value, right: Value) -> Value {
    let Value::Object(right) = right else { panic!("it is an object") };
    left.as_object_mut().unwrap().extend(right);
    left
}

fn inputs() -> Vec<(&'static str, Value)> {
    let requires = |fields: Value| spec_with(json!({ "requires": fields }));
    vec![
        ("least", spec_with(json!({}))),
        ("everything", everything()),
        ("defaults", defaults()),
        ("whole numbers", spec_with(json!({ "backoff": { "factor": 100, "jitter": 1 } }))),
        ("fractions", spec_with(json!({ "backoff": { "factor": 1.5, "jitter": 0.00001 } }))),
        ("small fractions", spec_with(json!({ "backoff": { "factor": 99.999, "jitter": 0.000001 } }))),
        ("tiny fractions", spec_with(json!({ "backoff": { "first_ms": 0, "jitter": 2.5e-7 } }))),
        ("no jitter", spec_with(json!({ "backoff": { "jitter": 0 }, "max_retries": -1, "priority": -50000 }))),
        ("texts", texts()),
        (
            "times",
            spec_with(json!({ "submit_by": "2026-12-21T12:00:00.12Z", "not_before": "2026-11-21T13:00:00.100Z" })),
        ),
        ("cores", requires(json!({ "cpu": "4" }))),
        ("millicores", requires(json!({ "cpu": "1.250" }))),
        ("bytes", requires(json!({ "memory": "1234567" }))),
        ("a thousand bytes", requires(json!({ "memory": "1000" }))),
        ("a kibibyte", requires(json!({ "memory": "1024" }))),
        ("thousands", requires(json!({ "memory": "1.5GB" }))),
        ("large K", requires(json!({ "memory": "2K" }))),
        ("memory of GPUs", requires(json!({ "gpus": 2, "gpu_memory": "10240MiB" }))),
        ("the most memory", requires(json!({ "memory": "9223372036854775807" }))),
        ("no GPUs", requires(json!({ "gpus": 0 }))),
    ]
}

fn everything() -> Value {
    spec_with(json!({
        "executor_names": ["second", "first"],
        "priority": 50000,
        "requires": { "cpu": "500m", "memory": "10Gi", "gpus": 1, "gpu_memory": "16GB", "location": "eu-North", "tags": ["b", "a", "B"] },
        "concurrency_key": "customer cus_1",
        "rate_key": "account/ü",
        "labels": { "b": "2", "10": "ten", "2": "two", "a": "1", "B": "" },
        "env": { "PATH": "/usr/bin", "A-1": "x" },
        "max_wait_ms": 60000,
        "max_exec_ms": 316224000000_i64,
        "max_retries": 1000000,
        "backoff": { "first_ms": 1, "factor": 3.25, "most_ms": 2, "jitter": 0.75 },
        "not_before": "2026-11-21T12:30:00.250Z",
        "parents": ["01a1fdfa-4678-7000-8000-00000000000b", "01a1fdfa-4678-7000-8000-00000000000a"],
        "idempotency_key": "stripe:live:acct_1:evt_1",
        "idempotency_retention_ms": 0,
        "on_failed": "redrive",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }))
}

/// Returns a spec that gives every default by name.
fn defaults() -> Value {
    spec_with(json!({
        "executor_names": [], "priority": 0, "requires": {}, "labels": {}, "env": {}, "max_wait_ms": 0,
        "max_exec_ms": 0, "max_retries": 3, "parents": [], "idempotency_retention_ms": 2_592_000_000_i64,
        "on_failed": "keep",
        "backoff": { "first_ms": 1000, "factor": 2.0, "most_ms": 3_600_000, "jitter": 0.2 },
    }))
}

fn texts() -> Value {
    spec_with(json!({ "labels": {
        "controls": "\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{80}",
        "marks": "\"quoted\" \\ / ' < > &",
        "letters": "Grüße, 東京, \u{2028}\u{2029}\u{feff}, \u{1f41d}",
    } }))
}

fn arguments() -> Vec<(&'static str, Vec<u8>)> {
    let levels = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count)).into_bytes();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("args: an object", text(r#"{"b": 1, "a": [1.0e+5, 1e999, -0], "ü": null}"#)),
        ("args: null", text("null")),
        ("args: a name twice", text(r#"{"a":1,"a":2,"__proto__":3}"#)),
        ("args: half a character, escaped", text(r#""\ud83d""#)),
        ("args: bytes that are no text", vec![b'"', 0xff, b'"']),
        ("args: half a character, as bytes", vec![b'"', 0xed, 0xa0, 0x80, b'"']),
        ("args: a byte order mark", text("\u{feff}{}")),
        ("args: white space before", text(" {}")),
        ("args: a line's end behind", text("{}\n")),
        ("args: another space behind", text("{}\u{a0}")),
        ("args: words", text("hello")),
        ("args: two values", text("1 2")),
        ("args: a control character in a text", text("\"\u{1}\"")),
        ("args: 100 levels", levels(100)),
        ("args: 101 levels", levels(101)),
        ("args: brackets in texts", text(&format!("\"{}\\\"{}\"", "[".repeat(101), "{".repeat(101)))),
        ("args: several thousand bytes", text(&format!("[\"{}\"]", "é".repeat(1000)))),
    ]
}

/// Returns specs that no reader accepts, with the field that is wrong.
fn refused() -> Vec<Value> {
    let long = "x".repeat(129);
    let cases = [
        ("colony", json!({ "colony": "ed25519:AAAA" })),
        ("process_id", json!({ "process_id": "01a1fdfa-4678-4000-8000-000000000001" })),
        ("submit_by", json!({ "submit_by": "2026-11-21T11:00:00Z" })),
        ("submit_by", json!({ "submit_by": "2026-12-22T12:00:00Z" })),
        ("function", json!({ "function": "" })),
        ("function", json!({ "function": long })),
        ("executor_type", json!({ "executor_type": "no spaces" })),
        ("executor_names", json!({ "executor_names": ["-"] })),
        ("priority", json!({ "priority": 50001 })),
        ("max_retries", json!({ "max_retries": -2 })),
        ("max_exec_ms", json!({ "max_exec_ms": -1 })),
        ("idempotency_retention_ms", json!({ "idempotency_retention_ms": 316224000001_i64 })),
        ("backoff.factor", json!({ "backoff": { "factor": 0.5 } })),
        ("backoff.jitter", json!({ "backoff": { "jitter": 1.5 } })),
        ("requires.cpu", json!({ "requires": { "cpu": "0.0001" } })),
        ("requires.cpu", json!({ "requires": { "cpu": "4Gi" } })),
        ("requires.memory", json!({ "requires": { "memory": "0" } })),
        ("requires.memory", json!({ "requires": { "memory": "9223372036854775808" } })),
        ("requires.gpus", json!({ "requires": { "gpus": 65537 } })),
        ("requires.gpu_memory", json!({ "requires": { "gpu_memory": "1Gi" } })),
        ("concurrency_key", json!({ "concurrency_key": "a*" })),
        ("rate_key", json!({ "rate_key": "" })),
        ("labels", json!({ "labels": { "a b": "1" } })),
        ("labels", json!({ "labels": { "a": "x".repeat(1025) } })),
        ("env", json!({ "env": { "A": "\0" } })),
        ("parents", json!({ "parents": [PROCESS_ID] })),
        ("idempotency_key", json!({ "idempotency_key": "" })),
        ("on_failed", json!({ "on_failed": "redrive" })),
    ];
    let vector = |(field, fields): (&str, Value)| {
        let spec = spec_with(fields);
        assert!(Spec::from_json(spec.to_string().as_bytes()).is_err(), "{spec} is sound");
        json!({ "field": field, "spec": spec })
    };
    cases.into_iter().map(vector).collect()
}

/// Returns events, and their specs as the webhook adapter makes them.
fn events() -> Vec<Value> {
    let bodies = [
        r#"{"id":"evt_1","object":"event","type":"customer.subscription.created","livemode":false}"#,
        r#"{"id":"evt_2","type":"invoice.paid","livemode":true,"account":null}"#,
        r#"{ "id": "evt_3", "type": "invoice.paid", "livemode": true, "account": "acct_7", "data": {"amount": 1.10} }"#,
        "{\n  \"id\": \"evt_4\",\n  \"type\": \"customer.updated\",\n  \"livemode\": true\n}\n",
        r#"{"id":"evt_5","object":"v2.core.event","type":"v1.invoice.paid","livemode":true,"context":"org_1/acct_7"}"#,
    ];
    bodies.map(event).into()
}

fn event(body: &str) -> Value {
    let now: Timestamp = NOW.parse().unwrap();
    let Receiver { endpoint, routes } = StripeConfig::new(vec![secret("endpoint").into()]).receiver(&[]).unwrap();
    let events = endpoint.verify(&signed(body, "endpoint", now.as_second()), body.as_bytes(), now).unwrap();
    let Destination::Routed(found) = routes.find(&events[0].kind) else { panic!("{body} has no route") };
    let event = &events[0];
    let mut spec = routes.specs(&found, event, body.as_bytes(), colony(), now).remove(0);
    spec.process_id = PROCESS_ID.parse().unwrap();
    let about = json!({
        "name": event.id, "seed_label": "adapter", "body": body, "now": NOW, "colony": colony().to_string(),
        "process_id": PROCESS_ID, "key": spec.idempotency_key,
    });
    joined(about, sealed("adapter", &spec))
}

fn mac(body: &str, label: &str, seconds: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret(label).as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn signed(body: &str, label: &str, seconds: i64) -> HeaderMap {
    let value = format!("t={seconds},v1={}", mac(body, label, seconds));
    HeaderMap::from_iter([(http::HeaderName::from_static("stripe-signature"), HeaderValue::try_from(value).unwrap())])
}

/// Returns headers, and whether an endpoint with two secrets accepts them.
fn signatures() -> Vec<Value> {
    const BODY: &str = r#"{"id":"evt_1","type":"invoice.paid","livemode":true}"#;
    let now: Timestamp = NOW.parse().unwrap();
    let at = now.as_second();
    let [first, second, other] = ["first", "second", "other"].map(|label| mac(BODY, label, at));
    let aged = |age: i64| format!("t={},v1={}", at - age, mac(BODY, "first", at - age));
    let headers = [
        format!("t={at},v1={first}"),
        format!("t={at},v1={second}"),
        format!("t={at},v1={other},v1={first},v0={other}"),
        format!(" t={at} , v1={first}"),
        format!("t={at},v1={}", first.to_uppercase()),
        aged(300),
        aged(301),
        aged(-300),
        aged(-301),
        format!("t={at},v1={other}"),
        format!("t={at},v1={}{}", if first.starts_with('0') { '1' } else { '0' }, &first[1..]),
        format!("t={at},v1={}{}", &first[..63], if first.ends_with('0') { '1' } else { '0' }),
        format!("t={at},v0={first}"),
        format!("t={at},v1=00,v1={first}"),
        format!("t={at},v1=00"),
        format!("t={at},t={at},v1={first}"),
        format!("t=+{at},v1={first}"),
        format!("t=00{at},v1={first}"),
        format!("v1={first}"),
        format!("t={at},v1={first}{}", ",v0=0".repeat(500)),
        String::new(),
    ];
    headers.into_iter().map(|header| signature(header, BODY, now)).collect()
}

fn signature(header: String, body: &str, now: Timestamp) -> Value {
    let config = StripeConfig::new(["first", "second"].map(|label| secret(label).into()).into());
    let mut headers = HeaderMap::new();
    headers.insert("stripe-signature", HeaderValue::try_from(&header).unwrap());
    let reason = match config.verify(&headers, body.as_bytes(), now) {
        Ok(_) => Value::Null,
        Err(Refusal::SignatureMalformed { .. }) => json!("SIGNATURE_MALFORMED"),
        Err(Refusal::SignatureWrong) => json!("SIGNATURE_INVALID"),
        Err(Refusal::SignatureStale { .. } | Refusal::SignatureFuture { .. }) => json!("SIGNATURE_STALE"),
        Err(other) => panic!("{header}: {other}"),
    };
    json!({ "header": header, "secret_labels": ["first", "second"], "body": body, "now": NOW, "reason": reason })
}
