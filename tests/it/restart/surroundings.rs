//! Something around a bee that is out of order: the colony's health names the process, the event and the remedy until it is mended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use apiary_tests::{Backend, eventually};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::parts::{Parts, post_once};

/// In Supabase's place: over its quota until it is paid for.
async fn supabase(is_paid: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&is_paid)));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, is_paid: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            if body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0) {
                break;
            }
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match is_paid.load(Ordering::SeqCst) {
        true => ("200 OK", r#"{"outcome":"applied"}"#),
        false => ("402 Payment Required", r#"{"message":"exceed_egress_quota"}"#),
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_colonys_health_names_process_event_and_remedy_while_supabase_is_over_its_quota() {
    let (folder, backend, is_paid) = (tempfile::tempdir().unwrap(), Backend::sqlite().await, Arc::default());
    let supabase = supabase(Arc::clone(&is_paid)).await;
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.bee.settings("SUPABASE_URL", format!("http://{supabase}"));
    parts.bee.settings("SUPABASE_SERVICE_ROLE_KEY", "only-for-this-test");
    parts.bee.settings("APIARY_FINANCE_RECORD", "supabase");
    parts.broker.start();
    parts.broker.ready().await;
    parts.set_up().await;
    parts.webhook.start();
    parts.webhook.ready().await;
    parts.bee.start();
    let posted: Value = post_once(parts.webhook_address, 7).await.unwrap().json().await.unwrap();
    let (process, event) = (posted["process_id"].as_str().unwrap(), posted["event"].as_str().unwrap());

    let health = eventually("it waits", async || {
        let output = parts.run(&["colony", "health", "-o", "json"]).await;
        let health: Value = serde_json::from_slice(&output.stdout).ok()?;
        let waits = health["findings"].as_array()?.iter().any(|one| one["kind"] == "WAITS_ON_SURROUNDINGS");
        waits.then_some((output.status.code(), health))
    });
    let (code, health) = health.await;
    assert_eq!((code, &health["healthy"]), (Some(10), &Value::Bool(false)), "{health}");
    let finding = &health["findings"][0];
    assert_eq!((finding["subject"].as_str(), finding["count"].as_i64()), (Some("record-unavailable"), Some(1)));
    assert!(finding["since"].is_string(), "{finding}");
    let text = String::from_utf8(parts.run(&["colony", "health"]).await.stdout).unwrap();
    let doctor = String::from_utf8(parts.run(&["doctor", "--only", "health"]).await.stdout).unwrap();
    for words in [process, event, "stripe.event", "402", "exceed_egress_quota", "quota and its billing page"] {
        assert!(text.contains(words), "{words}: {text}");
        assert!(doctor.contains(words), "doctor, {words}: {doctor}");
    }
    let log = eventually("the bee warns", async || {
        let words = parts.bee.last_words();
        words.lines().find(|line| line.contains("WARN") && line.contains("work put off")).map(str::to_owned)
    });
    let log = log.await;
    for words in [process, event, "billing page"] {
        assert!(log.contains(words), "{words}: {log}");
    }

    is_paid.store(true, Ordering::SeqCst);
    eventually("nothing needs attention", async || {
        parts.run(&["colony", "health"]).await.status.success().then_some(())
    })
    .await;
    assert_eq!(parts.bee.terminate().await, Some(0));
}
