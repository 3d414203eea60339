//! A broker that is reachable through an HTTP proxy only.
#![expect(clippy::unwrap_used, reason = "a broken proxy is a failed test")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientConfig, ClientError, Proxy, retry};
use apiary_identity::{KeyPair, SystemClock};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::tls::{authority, serve_for};

/// The broker's address as given to the client; no name server knows it.
const BROKER: &str = "https://broker.example:7420";

/// A proxy that opens every tunnel to the same address, and records the requests.
#[derive(Clone)]
struct Gate {
    heads: Arc<Mutex<Vec<String>>>,
    /// Answers sent in place of a tunnel, one for each connection.
    refusals: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Gate {
    async fn open(target: SocketAddr, refusals: &[&'static str]) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self::on(listener, target, refusals), address)
    }

    fn on(listener: TcpListener, target: SocketAddr, refusals: &[&'static str]) -> Self {
        let refusals = Arc::new(Mutex::new(refusals.iter().copied().collect()));
        let gate = Self { heads: Arc::default(), refusals };
        let serving = gate.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serving.clone().tunnel(client, target));
            }
        });
        gate
    }

    async fn tunnel(self, client: TcpStream, target: SocketAddr) {
        let mut client = BufReader::new(client);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if client.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        self.heads.lock().unwrap().push(head);
        let refusal = self.refusals.lock().unwrap().pop_front();
        if let Some(refusal) = refusal {
            let _ = client.write_all(refusal.as_bytes()).await;
            return;
        }
        let Ok(mut server) = TcpStream::connect(target).await else { return };
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn client(proxy: &str, ca_pem: &str) -> Result<Client, ClientError> {
    let key = KeyPair::generate();
    let config = ClientConfig::new(BROKER.parse()?).ca_pem(ca_pem).proxy(Proxy::Url(proxy.to_owned()));
    Client::new(&config.call_timeout(Duration::from_secs(10)), key.id(), key, Arc::new(SystemClock))
}

#[tokio::test]
async fn a_tunnel_is_asked_for_with_user_and_password_which_are_never_shown() -> anyhow::Result<()> {
    let authority = authority()?;
    let broker = serve_for(&authority, None, "broker.example").await?;
    let (gate, address) = Gate::open(broker, &[]).await;
    client(&format!("http://bee:hunter%202@{address}"), &authority.pem())?.connect().await?;
    let head = gate.heads().remove(0);
    assert!(head.starts_with("CONNECT broker.example:7420 HTTP/1.1\r\nHost: broker.example:7420\r\n"), "{head}");
    // `bee:hunter 2` (RFC 7617).
    assert!(head.contains("\r\nProxy-Authorization: Basic YmVlOmh1bnRlciAy\r\n"), "{head}");
    let config = ClientConfig::new(BROKER.parse()?).proxy(Proxy::Url("http://bee:hunter2@p:1".to_owned()));
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_told_with_the_proxys_name_and_number() -> anyhow::Result<()> {
    let authority = authority()?;
    let broker = serve_for(&authority, None, "broker.example").await?;
    for (userinfo, answer, words) in [
        ("", "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n", "407: it wants a user and password"),
        ("bee:hunter2@", "HTTP/1.1 407 No\r\n\r\n", "407: it does not accept the user and password"),
        ("bee:hunter2@", "HTTP/1.1 403 Forbidden\r\n\r\n<html>", "403 to CONNECT broker.example:7420"),
        ("", "HTTP/1.0 502 Bad Gateway\r\n\r\n", "answered 502"),
        ("", "SSH-2.0-OpenSSH_9\r\n\r\n", "does not answer in HTTP"),
        ("", "", "broke off"),
    ] {
        let (_, address) = Gate::open(broker, &[answer]).await;
        let client = client(&format!("http://{userinfo}{address}"), &authority.pem())?;
        let error = client.connect().await.unwrap_err();
        let text = error.to_string();
        assert!(error.is_retryable() && text.contains(words), "{text}");
        assert!(text.contains(&format!("the proxy at {address} (from broker.proxy)")), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("Forbidden"), "{text}");
        // The proxy may allow later what it refused before.
        client.connect().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named_and_waited_for() -> anyhow::Result<()> {
    let authority = authority()?;
    let broker = serve_for(&authority, None, "broker.example").await?;
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let client = client(&format!("http://{address}"), &authority.pem())?;
    let error = client.connect().await.unwrap_err();
    let words = error.to_string();
    assert!(error.is_retryable() && words.contains(&format!("the proxy at {address}")), "{words}");
    assert!(
        words.contains("cannot be reached") && words.contains("refused") && words.contains("broker.proxy"),
        "{words}"
    );
    let gate = Gate::on(TcpListener::bind(address).await?, broker, &[]);
    retry(Duration::from_secs(20), || client.connect()).await?;
    assert_eq!(gate.heads().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_proxy_is_itself_reached_by_tls_where_its_address_says_so() -> anyhow::Result<()> {
    let authority = authority()?;
    let broker = serve_for(&authority, None, "broker.example").await?;
    let (_, address) = Gate::open(broker, &[]).await;
    let error = client(&format!("https://{address}"), &authority.pem())?.connect().await.unwrap_err();
    assert!(error.to_string().contains("the proxy at") && error.to_string().contains("TLS"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_stays_on_this_machine_goes_past_the_proxy() -> anyhow::Result<()> {
    let authority = authority()?;
    let broker = serve_for(&authority, None, "localhost").await?;
    let key = KeyPair::generate();
    let address = format!("https://localhost:{}", broker.port());
    let config = ClientConfig::new(address.parse()?).ca_pem(authority.pem());
    let config = config.proxy(Proxy::Url("http://127.0.0.1:1".to_owned()));
    Client::new(&config, key.id(), key, Arc::new(SystemClock))?.connect().await?;
    Ok(())
}
