//! Bounds of size.

use apiary_executor_sdk::testing::eventually;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{Broker, SECRET, config, event, event_of, post, read_answer, request, signature, start};

#[tokio::test]
async fn a_body_of_just_the_limit_is_taken_and_one_more_byte_is_not() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let config = config(folder.path());
    let bytes_max = config.limits.body_bytes_max;
    assert_eq!(bytes_max, 1024 * 1024);
    let webhook = start(config, &broker).await;
    let padded = |id: &str, bytes: usize| {
        let bare = event_of(id, "invoice.paid", json!({ "padding": "" })).len();
        let body = event_of(id, "invoice.paid", json!({ "padding": "x".repeat(bytes - bare) }));
        assert_eq!(body.len(), bytes);
        body
    };
    let answer = post(webhook.address(), &padded("evt_1", bytes_max)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = post(webhook.address(), &padded("evt_2", bytes_max + 1)).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (413, "TOO_LARGE"));
    assert_eq!(broker.events(), ["evt_1"]);
}

#[tokio::test]
async fn the_largest_event_also_fits_the_spool() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    // Nested too deep to stand in a spec as JSON, so that it grows by a third on its way.
    let head = r#"{"id":"evt_1","type":"invoice.paid","livemode":true,"data":"#;
    let brackets = (1024 * 1024 - head.len() - 1) / 2;
    let body = format!("{head}{}{}}}", "[".repeat(brackets), "]".repeat(brackets));
    assert_eq!(post(webhook.address(), body.as_bytes()).await.unwrap().status, 202);
    broker.is_back();
    eventually("it is forwarded", async || webhook.stats().forwarded == 1).await;
    assert_eq!(broker.spec("evt_1").args().to_bytes().unwrap(), body);
}

#[tokio::test]
async fn a_declared_length_beyond_all_bounds_is_refused_before_it_is_sent() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
    let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_answer(stream).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (413, "TOO_LARGE"));
    assert!(answer.head.contains("connection: close"), "{answer:?}");
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let head = |signature: &str| {
        format!(
            "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nconnection: close\r\nstripe-signature: {signature}\r\n\
             transfer-encoding: chunked\r\n\r\n"
        )
    };
    let body = event("evt_1");
    let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
    stream.write_all(head(&signature(SECRET, &body)).as_bytes()).await.unwrap();
    for part in body.chunks(7) {
        stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.unwrap();
        stream.write_all(part).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(stream).await.unwrap().status, 200);

    let mut stream = TcpStream::connect(webhook.address()).await.unwrap();
    stream.write_all(head("t=1,v1=00").as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..20 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = read_answer(stream).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (413, "TOO_LARGE"));
}

#[tokio::test]
async fn heads_are_bounded_in_bytes_and_in_headers() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    let long = "x".repeat(17 * 1024);
    let answer = request(webhook.address(), "POST", "/webhooks/stripe", &[("x-long", &long)], b"").await.unwrap();
    assert_eq!(answer.status, 431, "{answer:?}");
    let many: Vec<String> = (0..65).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    let answer = request(webhook.address(), "POST", "/webhooks/stripe", &many, b"").await.unwrap();
    assert_eq!(answer.status, 431, "{answer:?}");
    let signature = format!("t=1,v1={}", "0".repeat(4000));
    let headers = [("stripe-signature", signature.as_str())];
    let answer = request(webhook.address(), "POST", "/webhooks/stripe", &headers, b"{}").await.unwrap();
    assert_eq!((answer.status, answer.reason()), (400, "SIGNATURE_MALFORMED"));
    assert_eq!(post(webhook.address(), &event("evt_1")).await.unwrap().status, 200, "and it goes on");
}
