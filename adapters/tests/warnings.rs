//! Warnings about events that wait: a few of each cause, whatever their number, with the event and the remedy. In a process of its own,
//! whose log this is.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a helper fails the test")]

use std::io::{BufRead as _, BufReader, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{Sink, SinkError, Webhook, WebhookConfig};
use apiary_daemon::{LogWriter, Supervisor};
use apiary_executor_sdk::SubmitResult;
use apiary_executor_sdk::testing::eventually;
use apiary_identity::{Clock as _, Id, KeyPair, Spec, SystemClock};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SECRET: &str = "whsec_of_this_test_only";
const EVENTS: usize = 100;

/// A broker that refuses the first events, and is away after that.
struct Broker {
    colony: Id,
    refused: AtomicUsize,
}

#[async_trait]
impl Sink for Broker {
    fn colony(&self) -> Id {
        self.colony
    }

    async fn submit(&self, _: &Spec) -> Result<SubmitResult, SinkError> {
        // The door asks once, and the spool once more.
        if self.refused.fetch_add(1, Ordering::SeqCst) < 2 * EVENTS {
            return Err(SinkError::Unacceptable { reason: "ARGS_REFUSED".to_owned(), message: "no number".to_owned() });
        }
        Err(SinkError::Away("nobody listens there".to_owned()))
    }

    async fn is_ready(&self) -> bool {
        false
    }
}

async fn post(webhook: &Webhook, number: usize) {
    let body = format!(r#"{{"id":"evt_{number}","type":"invoice.paid","livemode":true,"data":{{"object":{{}}}}}}"#);
    let time = SystemClock.now().as_second();
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.update(format!("{time}.{body}").as_bytes());
    let signature = hex::encode(hmac.finalize().into_bytes());
    let mut stream = tokio::net::TcpStream::connect(webhook.address()).await.unwrap();
    let request = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: test\r\nconnection: close\r\nstripe-signature: t={time},v1={signature}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[tokio::test]
async fn a_hundred_refusals_of_one_cause_are_a_few_warnings_that_name_event_and_remedy() {
    let (reader, writer) = pipe().unwrap();
    let log = LogWriter::start(&writer).unwrap();
    drop(writer);
    let writes = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writes.clone()).init();
    let folder = tempfile::tempdir().unwrap();
    let stripe = StripeConfig::new(vec![SECRET.into()]).receiver(&[]).unwrap();
    let config = WebhookConfig::new("127.0.0.1:0".parse().unwrap(), vec![stripe], folder.path().join("spool"));
    let broker = Arc::new(Broker { colony: KeyPair::generate().id(), refused: AtomicUsize::new(0) });
    let clock = Arc::new(SystemClock);
    let supervisor = Supervisor::new(clock.clone());
    let webhook = Webhook::start(config, broker, &supervisor, clock).await.unwrap();
    for number in 0..EVENTS {
        post(&webhook, number).await;
        eventually("it is set aside", async || webhook.spool().waiting_events == 0).await;
    }
    let notices = supervisor.notices().list();
    assert_eq!((notices[0].kind, notices[0].count), ("EVENTS_SET_ASIDE", 100), "all are counted");
    post(&webhook, EVENTS).await;
    let tries = || supervisor.notices().list().first().map_or(0, |notice| notice.count);
    eventually("the broker is tried again and again", async || tries() >= 4).await;
    tracing::info!("the end of the test");
    let lines: Vec<String> = BufReader::new(reader)
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.contains("the end of the test"))
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .collect();
    let with = |words: &str| lines.iter().filter(|line| line.contains(words)).collect::<Vec<_>>();
    let set_aside = with("was set aside");
    assert!((1..=5).contains(&set_aside.len()), "{set_aside:?}");
    for words in ["stripe:live::evt_0", "no number (ARGS_REFUSED)", "apiary spool show"] {
        assert!(set_aside[0].contains(words), "{words}: {}", set_aside[0]);
    }
    let away = with("the broker is unreachable");
    assert!(away.len() == 1 && away[0].contains("BROKER_AWAY") && away[0].contains("start the broker"), "{away:?}");
    assert_eq!(lines.len(), set_aside.len() + away.len(), "nothing else went wrong: {lines:?}");
}
