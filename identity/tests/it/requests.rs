//! Requests: one call, signed.

use apiary_identity::{Document as _, Nonce, Request};
use serde_json::json;

use crate::support::{Scene, assert_refused, refusal, seal, value};

fn request() -> Request {
    let scene = Scene::new();
    Request::new("/apiary.v1.LeaseService/Claim", scene.colony.id(), "broker", scene.now, b"message")
}

#[test]
fn a_request_hashes_the_message_as_sent() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Request::digest(b"").to_string(), empty);
    assert_eq!(request().message_sha256, Request::digest(b"message"));
    assert_ne!(request().message_sha256, Request::digest(b"message\0"));
}

#[test]
fn a_request_reads_back_as_it_was_signed() {
    let (scene, request) = (Scene::new(), request());
    assert_eq!(seal(&scene.user, &request).open::<Request>().unwrap(), request);
}

#[test]
fn method_and_broker_are_named_in_bounds() {
    let good = value(&request());
    for field in ["method", "broker_id"] {
        for bad in [String::new(), "x".repeat(129)] {
            assert_refused::<Request>(&good, field, json!(bad), &format!("`{field}` has 1 to 128"));
        }
        let mut json = good.clone();
        json[field] = json!("x".repeat(128));
        assert!(Request::from_json(json.to_string().as_bytes()).is_ok());
    }
}

#[test]
fn a_nonce_is_sixteen_bytes_in_one_spelling() {
    let good = value(&request());
    for bad in [
        "",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "++++++++++++++++++++++",
        "A",
    ] {
        assert_refused::<Request>(&good, "nonce", json!(bad), "16 bytes in unpadded base64url");
    }
    let mut json = good;
    json["nonce"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(Request::from_json(json.to_string().as_bytes()).unwrap().nonce, Nonce([0; 16]));
    json["nonce"] = json!(vec![0; 16]);
    refusal::<Request>(json.to_string());
}

#[test]
fn no_two_requests_are_alike() {
    let nonces: std::collections::HashSet<_> = (0..1000).map(|_| request().nonce).collect();
    assert_eq!(nonces.len(), 1000);
}
