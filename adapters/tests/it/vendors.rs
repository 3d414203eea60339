//! Each source, driven by its vendor's own signing library, in Node.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong in a helper fails the test")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Broker, config_with, request, start};

/// The beginning of an Ed25519 key in PKCS#8, before its seed (RFC 8410).
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Random text for a secret of this test.
fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Runs the script that signs; returns its requests.
fn signed(secrets: &Value) -> Vec<Value> {
    let folder = std::env::var_os("APIARY_TEST_WEBHOOK_SIGNERS")
        .expect("APIARY_TEST_WEBHOOK_SIGNERS is set: run `cargo xtask test`");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendors/sign.mjs");
    let mut node = Command::new("node");
    let mut child =
        node.arg(script).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
    child.stdin.take().unwrap().write_all(secrets.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn what_the_vendors_libraries_sign_is_accepted_and_nothing_else_is() {
    let seed: [u8; 32] = random().into_bytes().try_into().unwrap();
    let key = SigningKey::from_bytes(&seed);
    let secrets = json!({
        "stripe": format!("whsec_{}", random()),
        "github": random(),
        "standard": format!("whsec_{}", STANDARD.encode(random())),
        "ed25519": STANDARD.encode([&PKCS8_ED25519[..], &seed].concat()),
    });
    let text = |name: &str| secrets[name].as_str().unwrap();
    let public = format!("whpk_{}", STANDARD.encode(key.verifying_key().to_bytes()));
    let settings: [(&str, &[&str]); 5] = [
        ("webhook.stripe_secrets", &[text("stripe")]),
        ("webhook.github_secrets", &[text("github")]),
        ("webhook.github_routes", &["issues.* = triage/look"]),
        ("webhook.standard_secrets", &[text("standard"), &public]),
        ("webhook.standard_routes", &["contact.* = people/note"]),
    ];
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let requests = signed(&secrets);
    for one in &requests {
        let (path, body) = (one["path"].as_str().unwrap(), one["body"].as_str().unwrap());
        let headers: Vec<(&str, &str)> = one["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let altered = request(webhook.address(), "POST", path, &headers, format!("{body} ").as_bytes()).await.unwrap();
        assert_eq!((altered.status, altered.reason()), (401, "SIGNATURE_INVALID"), "{one}: {altered:?}");
        let answer = request(webhook.address(), "POST", path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("submitted")), "{one}: {answer:?}");
    }
    let functions: Vec<String> = broker.specs().into_iter().map(|spec| spec.function).collect();
    assert_eq!(functions, ["stripe.event", "look", "note", "note", "note"]);
}
