//! Clients that take their time, by accident or on purpose.

use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{Broker, SECRET, config, event, post, read_answer, signature, start};

const PATIENCE: Duration = Duration::from_millis(300);

fn impatient(folder: &std::path::Path) -> apiary_adapters::WebhookConfig {
    let mut config = config(folder);
    (config.limits.header_timeout, config.limits.body_timeout) = (PATIENCE, PATIENCE);
    config
}

/// Waits for the other side to close; whatever it says until then.
async fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "the connection was not closed");
    bytes
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_closed() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(impatient(folder.path()), &broker).await;
    let silent = TcpStream::connect(webhook.address()).await.unwrap();
    let begun = Instant::now();
    until_closed(silent).await;
    assert!(begun.elapsed() >= PATIENCE, "not before its time");
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(impatient(folder.path()), &broker).await;
    let (mut reader, mut writer) = TcpStream::connect(webhook.address()).await.unwrap().into_split();
    let trickle = tokio::spawn(async move {
        writer.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\n").await?;
        loop {
            // Slow, but never silent for as long as the time-out: the time counts for the whole head.
            sleep(PATIENCE / 10).await;
            writer.write_all(b"x-more: 1\r\n").await?;
        }
        #[expect(unreachable_code, reason = "says of which type the loop's errors are")]
        Ok::<(), std::io::Error>(())
    });
    let mut bytes = Vec::new();
    let ended = timeout(Duration::from_secs(20), reader.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the connection was not closed");
    trickle.abort();
    assert_eq!(webhook.stats().submitted, 0);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_answered_408() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(impatient(folder.path()), &broker).await;
    let body = event("evt_1");
    let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nstripe-signature: {}\r\ncontent-length: {}\r\n\r\n",
        signature(SECRET, &body),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() - 1]).await.unwrap();
    let answer = timeout(Duration::from_secs(20), read_answer(stream)).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.reason()), (408, "TIMEOUT"));
    assert!(answer.head.contains("connection: close"), "{answer:?}");
    assert_eq!(broker.submits(), 0);
}

#[tokio::test]
async fn a_connection_that_is_kept_open_is_closed_when_it_is_idle() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(impatient(folder.path()), &broker).await;
    let body = event("evt_1");
    let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nstripe-signature: {}\r\ncontent-length: {}\r\n\r\n",
        signature(SECRET, &body),
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let said = String::from_utf8(until_closed(stream).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn those_who_hold_every_connection_keep_nobody_out() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let mut config = config(folder.path());
    config.limits.connections_max = 8;
    let config_patience = config.limits.body_timeout;
    let webhook = start(config, &broker).await;
    let mut holders = Vec::new();
    for _ in 0..24 {
        let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
        // Some say nothing, some promise a body and do not send it.
        if holders.len() % 2 == 0 {
            let head = b"POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\ncontent-length: 500\r\n\r\n{";
            stream.write_all(head).await.unwrap();
        }
        holders.push(stream);
    }
    let begun = Instant::now();
    for number in 0..20 {
        let body = event(&format!("evt_{number}"));
        let answer = timeout(Duration::from_secs(20), post(webhook.address(), &body)).await.unwrap().unwrap();
        assert_eq!(answer.status, 200);
    }
    assert!(begun.elapsed() < config_patience, "nobody waits until those who hold connections are cut");
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_cuts_those_that_do_not() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let mut config = config(folder.path());
    config.limits.drain_timeout = Duration::from_secs(2);
    let webhook = start(config, &broker).await;
    let address = webhook.address();
    let body = event("evt_1");
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nstripe-signature: {}\r\ncontent-length: {}\r\n\r\n",
        signature(SECRET, &body),
        body.len()
    );
    let mut half_way = TcpStream::connect(address).await.unwrap();
    half_way.write_all(&[head.as_bytes(), &body[..10]].concat()).await.unwrap();
    let mut never_ends = TcpStream::connect(address).await.unwrap();
    never_ends.write_all(&[head.as_bytes(), &body[..10]].concat()).await.unwrap();
    // Both are being served once a third is answered: connections are taken in order.
    post(address, &event("evt_2")).await.unwrap();

    let stopping = tokio::spawn(webhook.stop());
    eventually("the port is closed", async || std::net::TcpStream::connect(address).is_err()).await;
    half_way.write_all(&body[10..]).await.unwrap();
    assert_eq!(read_answer(half_way).await.unwrap().status, 200);
    assert!(until_closed(never_ends).await.is_empty(), "cut without an answer");
    stopping.await.unwrap();
    assert_eq!(broker.events(), ["evt_2", "evt_1"]);
}
