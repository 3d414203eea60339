//! `POST /v1/processes`: the same as `Submit`, for clients without gRPC.

use apiary_identity::{Document as _, Envelope, Spec};
use apiary_tests::{TestColony, spoil};
use reqwest::StatusCode;
use serde_json::Value;

on_each_store!(
    a_signed_spec_is_taken_and_a_repeat_is_harmless,
    bad_bodies_are_refused_with_a_reason,
    a_hundred_thousand_brackets_are_refused
);

async fn post(colony: &TestColony, body: Vec<u8>) -> (StatusCode, Value) {
    let url = format!("http://{}/v1/processes", colony.address());
    let answer = apiary_tests::http().post(url).body(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn a_signed_spec_is_taken_and_a_repeat_is_harmless(colony: TestColony) {
    let user = colony.user("ada").await;
    let spec = user.spec("t", "f");
    let envelope = Envelope::seal(&colony.key_of("ada"), &spec).unwrap().to_json();
    let (status, first) = post(&colony, envelope.clone()).await;
    assert_eq!((status, &first["state"]), (StatusCode::CREATED, &Value::from("waiting")));
    assert_eq!(first["process_id"], spec.process_id.to_string());
    let (status, again) = post(&colony, envelope).await;
    assert_eq!((status, &again["existed"]), (StatusCode::OK, &Value::from(true)));
}

async fn bad_bodies_are_refused_with_a_reason(colony: TestColony) {
    let user = colony.user("ada").await;
    let key = colony.key_of("ada");
    let mut forged = Envelope::seal(&key, &user.spec("t", "f")).unwrap();
    spoil(&mut forged);
    let no_json = Envelope::sign(&key, Spec::PAYLOAD_TYPE, b"{".to_vec().into());
    let wrong_type = Envelope::sign(&key, "text/plain", b"{}".to_vec().into());
    let table = [
        (Vec::new(), StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"),
        (b"{}".to_vec(), StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"),
        (b"\xff".to_vec(), StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"),
        (forged.to_json(), StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"),
        (no_json.to_json(), StatusCode::BAD_REQUEST, "INVALID"),
        (wrong_type.to_json(), StatusCode::BAD_REQUEST, "INVALID"),
        (vec![b' '; 4 * 1024 * 1024], StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE"),
    ];
    for (body, status, reason) in table {
        let (found, answer) = post(&colony, body).await;
        assert_eq!((found, answer["error"]["reason"].as_str()), (status, Some(reason)), "{answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|words| words.len() > 10), "{answer}");
    }
}

async fn a_hundred_thousand_brackets_are_refused(colony: TestColony) {
    colony.user("ada").await;
    let key = colony.key_of("ada");
    let brackets = "[".repeat(100_000);
    let closed = format!("{brackets}{}", "]".repeat(100_000));
    let (status, _) = post(&colony, brackets.clone().into_bytes()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for payload in [brackets, closed.clone(), format!("{{\"args\":{closed}}}")] {
        let envelope = Envelope::sign(&key, Spec::PAYLOAD_TYPE, payload.into_bytes().into());
        let (status, answer) = post(&colony, envelope.to_json()).await;
        assert_eq!((status, answer["error"]["reason"].as_str()), (StatusCode::BAD_REQUEST, Some("INVALID")));
    }
}
