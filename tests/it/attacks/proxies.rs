//! Peers of connections and calls behind proxies.

use std::time::Duration;

use apiary_broker::config::DoorConfig;
use apiary_daemon::door::TrustedProxies;
use apiary_identity::Envelope;
use apiary_tests::{Backend, TestColony, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Starts a colony whose broker trusts proxies on loopback or not, and accepts two strangers' connections from each
/// address.
async fn colony(proxies: &'static [&'static str]) -> TestColony {
    TestColony::start_tuned(Backend::sqlite().await, move |config| {
        config.listen.door = DoorConfig {
            connections_per_peer_max: 2,
            trusted_proxies: TrustedProxies::parse(proxies).unwrap(),
            ..DoorConfig::default()
        };
    })
    .await
}

/// Opens a connection that begins with these bytes, and sends nothing else.
async fn silent(colony: &TestColony, beginning: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(colony.address()).await.unwrap();
    stream.write_all(beginning).await.unwrap();
    stream
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0; 64])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_whose_connection_it_is() {
    let colony = colony(&["127.0.0.1"]).await;
    // The beginning of a request, so that the header is read completely.
    let header = |last: u8| format!("PROXY TCP4 198.51.100.{last} 10.0.0.1 4711 80\r\nGET").into_bytes();
    let mut other = silent(&colony, &header(1)).await;
    let mut first = silent(&colony, &header(2)).await;
    eventually("the second displaces the first where two are allowed", async || {
        let _more = (silent(&colony, &header(2)).await, silent(&colony, &header(2)).await);
        is_closed(&mut first).await.then_some(())
    })
    .await;
    assert!(!is_closed(&mut other).await, "another address has its own room");
    // A request is answered, with or without the header.
    for beginning in [header(3), b"GET".to_vec()] {
        let mut stream = silent(&colony, &beginning).await;
        stream.write_all(b" /healthz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let mut hostile = silent(&colony, b"PROXY TCP4 not an address\r\nGET /healthz HTTP/1.1\r\n\r\n").await;
    eventually("a header of another form ends the connection", async || is_closed(&mut hostile).await.then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed() {
    let colony = colony(&[]).await;
    let header = b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 80\r\nGET /healthz HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut stream = silent(&colony, header).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_of_a_proxy_that_is_not_trusted() {
    let colony = colony(&[]).await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let url = format!("http://{}/v1/processes", colony.address());
    let post = async |body: Vec<u8>| {
        let request = apiary_tests::http().post(&url).header("x-forwarded-for", "198.51.100.1").body(body);
        request.send().await.unwrap().status()
    };
    let told = async || {
        let findings = reader.get_health().await.unwrap();
        format!("{findings:?}").contains("PROXY_NOT_TRUSTED")
    };
    assert!(post(b"{}".to_vec()).await.is_client_error());
    assert!(!told().await, "a stranger writes nothing into anybody's health");
    let envelope = Envelope::seal(&colony.key_of("ada"), &user.spec("t", "f")).unwrap().to_json();
    assert!(post(envelope).await.is_success());
    assert!(told().await);
}
