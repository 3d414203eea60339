//! Answers on the wire: refusals with details from every layer, and deadlines under their own code. Raw HTTP/2, because
//! a gRPC library would not send such requests, and would hide parts of the answers.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_identity::{Clock as _, Envelope, Request, SystemClock};
use apiary_protocol::details::Details;
use apiary_tests::TestColony;
use bytes::Bytes;
use futures::future::join_all;
use prost::Message;
use tonic::{Code, Status};

on_each_store!(
    what_the_library_refuses_has_a_reason_too,
    a_refused_field_is_named,
    a_deadline_is_never_called_a_cancellation,
    only_grpc_may_call_a_method
);

/// Builds a message in its frame.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

/// Calls, and reads the status in the head of the answer.
async fn call(
    client: &reqwest::Client,
    colony: &TestColony,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Status {
    let mut request = client.post(format!("http://{}{path}", colony.address()));
    request = request.header("content-type", "application/grpc").header("te", "trailers").body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    Status::from_header_map(answer.headers()).expect("refused at once")
}

async fn what_the_library_refuses_has_a_reason_too(colony: TestColony) {
    const CONNECT: &str = "/apiary.v1.BrokerService/Connect";
    const SUBMIT: &str = "/apiary.v1.ProcessService/Submit";
    let too_large = [&[0], (64 * 1024 * 1024_u32).to_be_bytes().as_slice(), &[0; 64]].concat();
    let compressed = [&[1][..], &framed(b"")[1..]].concat();
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let table: [(&str, Headers<'_>, Vec<u8>, Code, &str); 9] = [
        (SUBMIT, &[], framed(b"\xff\xff\xff"), Code::InvalidArgument, "INVALID"),
        (SUBMIT, &[], framed(b"\x0a\x05ab"), Code::InvalidArgument, "INVALID"),
        (CONNECT, &[], Vec::new(), Code::InvalidArgument, "INVALID"),
        (CONNECT, &[], compressed.clone(), Code::InvalidArgument, "INVALID"),
        (CONNECT, &[("grpc-encoding", "snappy")], compressed, Code::Unimplemented, "UNIMPLEMENTED"),
        (SUBMIT, &[], too_large, Code::OutOfRange, "TOO_LARGE"),
        ("/apiary.v2.ProcessService/Submit", &[], framed(b""), Code::Unauthenticated, "UNSIGNED"),
        ("/grpc.health.v1.Health/Cure", &[], framed(b""), Code::Unimplemented, "UNIMPLEMENTED"),
        ("/somebody.Elses/Method", &[], framed(b""), Code::Unimplemented, "UNIMPLEMENTED"),
    ];
    let client = apiary_tests::http2();
    for (path, headers, body, code, reason) in table {
        let status = call(&client, &colony, path, headers, body.into()).await;
        let details = Details::of(&status).unwrap_or_else(|| panic!("{path}: {status}"));
        assert_eq!(
            (status.code(), details.reason.as_str(), details.retryable),
            (code, reason, false),
            "{path}: {status}"
        );
        assert!(status.message().len() > 10, "{path}: {status}");
    }
}

/// Builds the metadata of a signed call.
async fn signature(colony: &TestColony, broker_id: &str, path: &str, message: &[u8]) -> String {
    use base64::Engine as _;
    let request = Request::new(path, colony.key.id(), broker_id, SystemClock.now(), message);
    let envelope = Envelope::seal(&colony.key_of("bee"), &request).unwrap();
    let bytes = apiary_executor_sdk::wire::envelope_to_proto(&envelope).encode_to_vec();
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

async fn a_refused_field_is_named(colony: TestColony) {
    const CLAIM: &str = "/apiary.v1.LeaseService/Claim";
    let bee = colony.executor("bee", "t").await;
    let broker_id = bee.connect().await.unwrap().broker_id;
    let message = v1::ClaimRequest { executor_type: "t".into(), count_max: -1, ..Default::default() }.encode_to_vec();
    let signature = signature(&colony, &broker_id, CLAIM, &message).await;
    let client = apiary_tests::http2();
    let status = call(&client, &colony, CLAIM, &[("apiary-request-bin", &signature)], framed(&message).into()).await;
    let details = Details::of(&status).unwrap();
    let violation = details.violation.unwrap();
    assert_eq!((status.code(), details.reason.as_str()), (Code::InvalidArgument, "INVALID"));
    assert_eq!(violation.field, "count_max");
    assert_eq!(status.message(), format!("`count_max` {}", violation.description));
}

async fn a_deadline_is_never_called_a_cancellation(colony: TestColony) {
    const CLAIM: &str = "/apiary.v1.LeaseService/Claim";
    const CALLS: u32 = 300;
    let bee = colony.executor("bee", "t").await;
    let broker_id = bee.connect().await.unwrap().broker_id;
    let message = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 30_000, ..Default::default() }.encode_to_vec();
    let client = apiary_tests::http2();
    let calls = (0..CALLS).map(|number| {
        let (client, colony, message, broker_id) = (&client, &colony, &message, &broker_id);
        async move {
            let signature = signature(colony, broker_id, CLAIM, message).await;
            // From a deadline that has passed already to those that end during other calls.
            let timeout = format!("{}u", number * 500);
            let headers = [("apiary-request-bin", signature.as_str()), ("grpc-timeout", timeout.as_str())];
            call(client, colony, CLAIM, &headers, framed(message).into()).await
        }
    });
    for status in tokio::time::timeout(Duration::from_secs(60), join_all(calls)).await.unwrap() {
        let details = Details::of(&status).unwrap();
        let found = (status.code(), details.reason.as_str(), details.retryable);
        assert_eq!(found, (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", true), "{status}");
    }
}

async fn only_grpc_may_call_a_method(colony: TestColony) {
    let url = format!("http://{}/apiary.v1.BrokerService/Connect", colony.address());
    let client = apiary_tests::http();
    for request in
        [client.get(&url), client.post(&url).body("{}"), client.post(&url).header("content-type", "application/json")]
    {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 415);
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["reason"], "UNIMPLEMENTED", "{body}");
    }
}
