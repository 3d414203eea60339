//! The client of a submitter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientConfig, ClientError, retry, v1};
use apiary_identity::{KeyPair, Spec, SystemClock};
use tokio::time::Instant;

use crate::scene::Scene;

fn client_for(address: &str) -> Result<Client, ClientError> {
    let config = ClientConfig::new(address.parse()?).call_timeout(Duration::from_secs(2));
    Client::new(&config, KeyPair::generate().id(), KeyPair::generate(), Arc::new(SystemClock))
}

#[tokio::test]
async fn a_spec_arrives_as_it_was_signed_and_twice_is_once() {
    let scene = Scene::new();
    let client = scene.client();
    let mut spec = client.spec("test", "f");
    spec.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    let first = client.submit(&spec).await.unwrap();
    assert_eq!((first.process_id, first.existed, first.state), (spec.process_id, false, v1::ProcessState::Waiting));
    assert!(client.submit(&spec).await.unwrap().existed);
    let arrived: Spec = scene.fake.state().submitted[0].open().unwrap();
    assert_eq!(arrived.traceparent, spec.traceparent);

    client.submit_json("test", "f", &[1, 2]).await.unwrap();
    let arrived: Spec = scene.fake.state().submitted[2].open().unwrap();
    assert_eq!(arrived.args().to_bytes().unwrap().as_ref(), b"[1,2]");
}

#[tokio::test]
async fn calls_are_signed_anew_for_a_broker_that_started_again() {
    let mut scene = Scene::new();
    let client = scene.client();
    client.list_processes(v1::ListProcessesRequest::default()).await.unwrap();
    scene.kill().await;
    let away = client.list_processes(v1::ListProcessesRequest::default()).await.unwrap_err();
    assert!(matches!(away, ClientError::Unreachable { .. }) && away.is_retryable(), "{away}");
    scene.start("broker-2");
    // Filters travel in a map: signed and sent in the same order.
    let labels = ["z", "a", "m"].map(|key| (key.to_owned(), "1".to_owned()));
    let filter = Some(v1::ProcessFilter { labels: labels.into(), ..Default::default() });
    let request = v1::ListProcessesRequest { filter, ..Default::default() };
    retry(Duration::from_secs(10), || client.list_processes(request.clone())).await.unwrap();
}

#[tokio::test]
async fn waiting_for_an_end_outlives_a_broker_that_stops() {
    let scene = Scene::new();
    let process_id = uuid::Uuid::now_v7();
    let process = scene.client().wait_until_finished(process_id).await.unwrap();
    assert_eq!((process.state(), process.process_id), (v1::ProcessState::Succeeded, process_id.to_string()));
}

#[tokio::test]
async fn plain_text_beyond_this_machine_must_be_allowed_in_so_many_words() {
    let refused = client_for("http://192.0.2.1:7420").unwrap_err();
    assert!(refused.to_string().contains("plain text would leave this machine"), "{refused}");
    assert!(client_for("http://127.0.0.1:7420").is_ok());
    let config = ClientConfig::new("http://192.0.2.1:7420".parse().unwrap()).allow_plaintext(true);
    let key = KeyPair::generate();
    assert!(Client::new(&config, key.id(), key.clone(), Arc::new(SystemClock)).is_ok());
}

#[tokio::test]
async fn nobody_at_the_address_is_said_plainly() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // First a server that accepts and never answers, then no server.
    let silent = client_for(&address).unwrap().connect().await.unwrap_err();
    assert!(matches!(silent, ClientError::Timeout { .. } | ClientError::Unreachable { .. }), "{silent}");
    drop(listener);
    let error = client_for(&address).unwrap().connect().await.unwrap_err();
    assert!(error.to_string().contains(&address) && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn only_what_can_pass_is_retried() {
    let tries = AtomicUsize::new(0);
    let attempt = |error: ClientError| {
        tries.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>(error) }
    };
    let refused = |retryable| ClientError::Refused {
        reason: "X".into(),
        message: "no".to_owned(),
        retryable,
        retry_after: None,
        request_id: None,
    };
    retry(Duration::from_secs(1), || attempt(refused(false))).await.unwrap_err();
    assert_eq!(tries.swap(0, Ordering::SeqCst), 1);
    retry(Duration::from_secs(1), || attempt(refused(true))).await.unwrap_err();
    assert!(tries.load(Ordering::SeqCst) > 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_the_broker_asks() {
    let busy = || ClientError::Refused {
        reason: "OVERLOADED".into(),
        message: "no".to_owned(),
        retryable: true,
        retry_after: Some(Duration::from_secs(7)),
        request_id: None,
    };
    let (started, tries) = (Instant::now(), AtomicUsize::new(0));
    retry(Duration::from_secs(20), || {
        tries.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>(busy()) }
    })
    .await
    .unwrap_err();
    // Twice 7 s fit into 20 s, and a third pause does not.
    assert_eq!((tries.load(Ordering::SeqCst), started.elapsed().as_secs()), (3, 14));
}
