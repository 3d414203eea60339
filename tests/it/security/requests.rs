//! Signed requests: fresh, used once, for this broker, for this message. Written without the SDK, which would not send
//! invalid ones.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::v1::colony_service_client::ColonyServiceClient;
use apiary_executor_sdk::v1::lease_service_client::LeaseServiceClient;
use apiary_identity::{Clock as _, Document, Envelope, KeyPair, Request, SystemClock};
use apiary_protocol::details::Details;
use apiary_tests::TestColony;
use jiff::SignedDuration;
use prost::Message as _;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

on_each_store!(
    an_unsigned_call_is_refused,
    a_replayed_call_is_refused,
    a_replayed_claim_takes_no_work,
    a_strangers_calls_are_not_remembered,
    a_stale_or_early_call_is_refused,
    a_call_for_another_broker_is_refused,
    a_call_for_another_method_or_message_is_refused,
    a_forged_signature_is_refused,
    an_unknown_colony_is_refused
);

const GET_COLONY: &str = "/apiary.v1.ColonyService/GetColony";

/// Builds a valid request, for the tests to make invalid.
pub(crate) async fn good(colony: &TestColony) -> Request {
    let broker_id = colony.client(&colony.key).connect().await.unwrap().broker_id;
    let message = v1::GetColonyRequest {}.encode_to_vec();
    Request::new(GET_COLONY, colony.key.id(), &broker_id, SystemClock.now(), &message)
}

async fn send(colony: &TestColony, envelope: Option<&Envelope>) -> Result<(), Status> {
    let mut client = ColonyServiceClient::new(colony.channel().await);
    let mut call = tonic::Request::new(v1::GetColonyRequest {});
    if let Some(envelope) = envelope {
        let bytes = apiary_executor_sdk::wire::envelope_to_proto(envelope).encode_to_vec();
        call.metadata_mut().insert_bin("apiary-request-bin", MetadataValue::from_bytes(&bytes));
    }
    client.get_colony(call).await.map(|_| ())
}

pub(crate) async fn signed(colony: &TestColony, request: &Request) -> Result<(), Status> {
    send(colony, Some(&Envelope::seal(&colony.key, request).unwrap())).await
}

fn reason(status: &Status) -> String {
    Details::of(status).unwrap().reason
}

#[track_caller]
fn assert_refused(answer: Result<(), Status>, wanted: &str) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, wanted), "{status}");
}

async fn an_unsigned_call_is_refused(colony: TestColony) {
    assert_refused(send(&colony, None).await, "UNSIGNED");
    let mut leases = LeaseServiceClient::new(colony.channel().await);
    let status = leases.claim(v1::ClaimRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), "UNSIGNED");
}

// Case X1.
async fn a_replayed_call_is_refused(colony: TestColony) {
    let request = good(&colony).await;
    assert!(signed(&colony, &request).await.is_ok());
    assert_refused(signed(&colony, &request).await, "REQUEST_REPLAYED");
}

// Case X1.
async fn a_replayed_claim_takes_no_work(colony: TestColony) {
    const CLAIM: &str = "/apiary.v1.LeaseService/Claim";
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let message = v1::ClaimRequest { executor_type: "t".into(), ..Default::default() };
    let broker_id = bee.connect().await.unwrap().broker_id;
    let request = Request::new(CLAIM, colony.key.id(), &broker_id, SystemClock.now(), &message.encode_to_vec());
    let envelope = Envelope::seal(&colony.key_of("bee"), &request).unwrap();
    let bytes = apiary_executor_sdk::wire::envelope_to_proto(&envelope).encode_to_vec();
    let mut leases = LeaseServiceClient::new(colony.channel().await);
    let mut claim = async || {
        let mut call = tonic::Request::new(message.clone());
        call.metadata_mut().insert_bin("apiary-request-bin", MetadataValue::from_bytes(&bytes));
        leases.claim(call).await.map(|answer| answer.into_inner().leases.len())
    };
    user.submit_json("t", "f", &()).await.unwrap();
    assert_eq!(claim().await.unwrap(), 1);
    let left = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_refused(claim().await.map(|_| ()), "REQUEST_REPLAYED");
    assert_eq!(apiary_tests::colony::state_of(&reader, left).await, v1::ProcessState::Waiting);
}

/// Anybody can make a key and sign with it: requests of strangers must not fill the memory of nonces.
async fn a_strangers_calls_are_not_remembered(colony: TestColony) {
    let envelope = Envelope::seal(&KeyPair::generate(), &good(&colony).await).unwrap();
    for _ in 0..2 {
        assert_eq!(reason(&send(&colony, Some(&envelope)).await.unwrap_err()), "NOT_PERMITTED");
    }
}

// Case X2.
async fn a_stale_or_early_call_is_refused(colony: TestColony) {
    for hours in [-1, 1] {
        let mut request = good(&colony).await;
        request.time += SignedDuration::from_hours(hours);
        assert_refused(signed(&colony, &request).await, "REQUEST_STALE");
    }
}

// Case X2.
async fn a_call_for_another_broker_is_refused(mut colony: TestColony) {
    let request = good(&colony).await;
    colony.stop().await;
    colony.start_again().await;
    assert_refused(signed(&colony, &request).await, "BROKER_UNKNOWN");
}

async fn a_call_for_another_method_or_message_is_refused(colony: TestColony) {
    let mut request = good(&colony).await;
    request.method = "/apiary.v1.GrantService/ListGrants".into();
    assert_refused(signed(&colony, &request).await, "SIGNATURE_INVALID");
    let mut request = good(&colony).await;
    request.message_sha256 = Request::digest(b"another message");
    assert_refused(signed(&colony, &request).await, "SIGNATURE_INVALID");
}

async fn a_forged_signature_is_refused(colony: TestColony) {
    let request = good(&colony).await;
    let mut forged = Envelope::seal(&KeyPair::generate(), &request).unwrap();
    forged.key_id = colony.key.id();
    assert_refused(send(&colony, Some(&forged)).await, "SIGNATURE_INVALID");
    // A signature over another kind of document is none over a request.
    let other = Envelope::sign(&colony.key, "application/json", request.to_json().unwrap().into());
    let status = send(&colony, Some(&other)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID");
}

async fn an_unknown_colony_is_refused(colony: TestColony) {
    let stranger = KeyPair::generate();
    let refused = colony.client_for(stranger.id(), &stranger).get_colony().await.unwrap_err();
    assert_eq!(refused.reason(), Some("COLONY_UNKNOWN"));
}
