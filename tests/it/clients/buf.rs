//! `buf curl`, which learns the schema by reflection.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::{Scene, installed};

/// Calls with an empty message, and reads what buf prints of the refusal.
async fn refusal(scene: &Scene, method: &str) -> Value {
    let mut command = Command::new(installed("APIARY_TEST_BUF"));
    command
        .args(["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", "{}"])
        .arg(format!("http://{}{method}", scene.colony.address()))
        .env("no_proxy", "*");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success());
    serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_reads_refusals() {
    let scene = Scene::new().await;
    for (method, code, reason) in [
        ("/apiary.v1.ProcessService/GetProcess", "unauthenticated", "UNSIGNED"),
        ("/apiary.v1.ProcessService/Submit", "invalid_argument", "INVALID"),
    ] {
        let told = refusal(&scene, method).await;
        assert_eq!(told["code"], code, "{told}");
        assert!(told["message"].as_str().unwrap().len() > 10, "{told}");
        let details = told["details"].as_array().unwrap();
        let info = details.iter().find(|detail| detail["type"] == "google.rpc.ErrorInfo").unwrap();
        let bytes = STANDARD_NO_PAD.decode(info["value"].as_str().unwrap().trim_end_matches('=')).unwrap();
        assert!(bytes.windows(reason.len()).any(|part| part == reason.as_bytes()), "{told}");
        assert_eq!(told["details"][0]["type"], json!("google.rpc.ErrorInfo"), "{told}");
    }
}
