//! The spool: what is answered while the broker does not take it, and what becomes of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a helper fails the test")]

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use apiary_adapters::{
    BrokerState, SpoolError, SpoolFile, SpoolFilter, SpoolState, StartError, Webhook, WebhookConfig,
};
use apiary_executor_sdk::testing::eventually;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use crate::harness::{Broker, config, event, get, post, start, try_start};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("evt_{n}")).collect()
}

async fn post_all(webhook: &Webhook, ids: &[String], status: u16) {
    for id in ids {
        let answer = post(webhook.address(), &event(id)).await.unwrap();
        assert_eq!(answer.status, status, "{id}: {answer:?}");
    }
}

async fn refusal(config: WebhookConfig, broker: Arc<Broker>) -> SpoolError {
    match try_start(config, &broker).await {
        Err(StartError::Spool(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(webhook) => panic!("started at {}", webhook.address()),
    }
}

#[tokio::test]
async fn while_the_broker_is_away_events_are_kept_and_then_forwarded_in_order() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    post_all(&webhook, &ids(0..20), 202).await;
    let body = post(webhook.address(), &event("evt_0")).await.unwrap().body;
    assert_eq!(body, json!({ "outcome": "spooled", "event": "evt_0" }), "the same event again takes no second place");
    assert_eq!((webhook.spool().waiting_events, webhook.broker()), (20, BrokerState::Away));
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 20).await;
    assert_eq!(broker.events(), ids(0..20));
    assert_eq!((webhook.spool().waiting_events, webhook.broker()), (0, BrokerState::Reachable));
    post_all(&webhook, &ids(20..21), 200).await;
    webhook.stop().await;
}

#[tokio::test]
async fn a_task_of_the_adapter_that_panics_goes_on_with_what_it_had_and_is_reported() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    let mut posted = 0;
    for name in webhook.supervisor.names() {
        post_all(&webhook, &ids(posted..posted + 5), 202).await;
        webhook.supervisor.sabotage(name);
        let is_reported = async || webhook.notices().list().iter().any(|notice| notice.subject == name);
        eventually("the panic is reported", is_reported).await;
        // A sender that got no 2xx sends again.
        for id in ids(posted + 5..posted + 10) {
            let mut answer = post(webhook.address(), &event(&id)).await.unwrap();
            while answer.status == 503 {
                answer = post(webhook.address(), &event(&id)).await.unwrap();
            }
            assert_eq!(answer.status, 202, "{answer:?}");
        }
        posted += 10;
    }
    assert!(posted >= 20, "{:?}", webhook.supervisor.names());
    eventually("all tasks are steady", async || webhook.supervisor.is_up()).await;
    assert_eq!(get(webhook.address(), "/readyz").await.status, 200);
    let health = get(webhook.address(), "/healthz").await.body;
    let kinds: Vec<_> = health["notices"].as_array().unwrap().iter().map(|notice| &notice["kind"]).collect();
    assert!(health["status"] == "degraded" && kinds.contains(&&json!("TASK_RESTARTED")), "{health}");
    broker.is_back();
    eventually("all are forwarded", async || webhook.spool().waiting_events == 0).await;
    assert_eq!(broker.events(), ids(0..posted));
    webhook.stop().await;
}

#[tokio::test]
async fn as_long_as_the_spool_is_not_empty_new_events_wait_behind_it() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    post_all(&webhook, &ids(0..50), 202).await;
    broker.is_back();
    for id in ids(50..200) {
        let answer = post(webhook.address(), &event(&id)).await.unwrap();
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
    }
    eventually("the spool is empty", async || webhook.spool().waiting_events == 0).await;
    assert_eq!(broker.events(), ids(0..200), "one after the other, some by the spool, some not");
}

#[tokio::test]
async fn a_broker_that_does_not_answer_in_time_is_not_waited_for() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let mut config = config(folder.path());
    config.limits.submit_timeout = Duration::from_millis(100);
    let webhook = start(config, &broker).await;
    broker.hangs();
    post_all(&webhook, &ids(0..1), 202).await;
    assert_eq!(webhook.broker(), BrokerState::Away);
    broker.is_back();
    // The forwarder may be waiting for an answer that never comes; it gives up after ten seconds.
    eventually("it is forwarded", async || webhook.stats().forwarded == 1).await;
    assert_eq!(
        broker.events(),
        ids(0..1),
        "it was committed at the first try, whose answer got lost: still one process"
    );
    assert_eq!(webhook.stats().duplicates, 1);
}

#[tokio::test]
async fn after_a_restart_the_spool_is_forwarded_in_order() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    for part in [0..10, 10..20] {
        let webhook = start(config(folder.path()), &broker).await;
        post_all(&webhook, &ids(part), 202).await;
        webhook.stop().await;
    }
    broker.is_back();
    let webhook = start(config(folder.path()), &broker).await;
    eventually("all are forwarded", async || webhook.stats().forwarded == 20).await;
    assert_eq!(broker.events(), ids(0..20));
}

#[tokio::test]
async fn a_full_spool_is_answered_503_until_there_is_room() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let mut config = config(folder.path());
    config.limits.spool_events_max = 3;
    let webhook = start(config, &broker).await;
    post_all(&webhook, &ids(0..3), 202).await;
    let full = post(webhook.address(), &event("evt_3")).await.unwrap();
    assert_eq!((full.status, full.reason()), (503, "SPOOL_FULL"));
    assert!(full.head.contains("retry-after:"), "{full:?}");
    assert_eq!(get(webhook.address(), "/readyz").await.status, 503);
    assert_eq!(get(webhook.address(), "/healthz").await.body["spool"]["full"], true);
    assert_eq!(webhook.stats().unkept, 1);
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 3).await;
    assert_eq!(get(webhook.address(), "/readyz").await.status, 200);
    post_all(&webhook, &ids(3..4), 200).await;
    assert_eq!(broker.events(), ids(0..4));
}

#[tokio::test]
async fn the_spool_is_bounded_in_bytes_too() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let mut config = config(folder.path());
    config.limits.spool_bytes_max = 5000;
    let webhook = start(config, &broker).await;
    let mut kept = 0;
    while post(webhook.address(), &event(&format!("evt_{kept}"))).await.unwrap().status == 202 {
        kept += 1;
        assert!(kept < 100, "no bound holds");
    }
    assert!(kept >= 2 && webhook.spool().waiting_bytes <= 5000, "{kept}: {:?}", webhook.spool());
    assert_eq!(webhook.spool().waiting_events, kept);
}

#[tokio::test]
async fn what_the_broker_refuses_is_kept_until_it_does_not() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config(folder.path()), &broker).await;
    broker.refuses();
    post_all(&webhook, &ids(0..3), 202).await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!((&health["status"], &health["broker_refuses"]), (&json!("degraded"), &json!("NOT_PERMITTED")));
    let tries = broker.submits();
    eventually("it is tried again", async || broker.submits() > tries).await;
    assert_eq!(webhook.spool().set_aside_events, 0, "a missing grant says nothing about the events");
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 3).await;
    assert_eq!(broker.events(), ids(0..3));
}

#[tokio::test]
async fn an_event_that_the_broker_never_accepts_is_set_aside_for_those_behind_it() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    broker.does_not_accept("evt_1");
    let webhook = start(config(folder.path()), &broker).await;
    for id in ids(0..4) {
        let answer = post(webhook.address(), &event(&id)).await.unwrap();
        assert!(matches!(answer.status, 200 | 202), "{id}: {answer:?}");
    }
    eventually("the line is empty", async || webhook.spool().waiting_events == 0).await;
    assert_eq!(broker.events(), ["evt_0", "evt_2", "evt_3"]);
    let set_aside = webhook.set_aside().await.unwrap();
    assert_eq!(set_aside.len(), 1);
    assert_eq!(
        (set_aside[0].idempotency_key.as_str(), set_aside[0].reason.as_str()),
        ("stripe:live::evt_1", "INVALID")
    );
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!((&health["status"], &health["spool"]["set_aside"]), (&json!("degraded"), &json!(1)));
    webhook.stop().await;

    // Still not accepted at the next start, and at the one after that it is.
    let webhook = start(config(folder.path()), &broker).await;
    eventually("it was tried again", async || webhook.stats().set_aside == 1).await;
    assert_eq!(webhook.spool().set_aside_events, 1);
    webhook.stop().await;
    broker.accepts_all();
    let webhook = start(config(folder.path()), &broker).await;
    eventually("it is forwarded", async || webhook.stats().forwarded == 1).await;
    assert_eq!(broker.events(), ["evt_0", "evt_2", "evt_3", "evt_1"]);
    assert_eq!(webhook.spool().set_aside_events, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_events_at_once_fit_the_spool() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    let bodies: Vec<_> = ids(0..200).iter().map(|id| event(id)).collect();
    let answers = futures::future::try_join_all(bodies.iter().map(|body| post(webhook.address(), body))).await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == 202), "{answers:?}");
    assert_eq!(webhook.spool().waiting_events, 200);
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 200).await;
    assert_eq!(broker.events().len(), 200);
}

#[tokio::test]
async fn dropping_the_adapter_loses_nothing_that_was_answered() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    post_all(&webhook, &ids(0..5), 202).await;
    drop(webhook);
    broker.is_back();
    // The dropped one lets go of the spool when its tasks have ended.
    let mut again = None;
    for _ in 0..1000 {
        match try_start(config(folder.path()), &broker).await {
            Ok(webhook) => {
                again = Some(webhook);
                break;
            }
            Err(StartError::Spool(SpoolError::InUse(_))) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    let webhook = again.unwrap();
    eventually("all are there", async || webhook.spool().waiting_events == 0).await;
    assert_eq!(broker.events(), ids(0..5));
}

#[tokio::test]
async fn a_second_adapter_on_the_same_spool_is_refused() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let first = start(config(folder.path()), &broker).await;
    let error = refusal(config(folder.path()), broker.clone()).await;
    assert!(matches!(error, SpoolError::InUse(_)), "{error}");
    first.stop().await;
    start(config(folder.path()), &broker).await.stop().await;
}

#[tokio::test]
async fn a_spool_is_its_owners_alone() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    post_all(&webhook, &ids(0..1), 202).await;
    let spool = folder.path().join("spool");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&spool), 0o700);
    let files: Vec<_> = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "database, write-ahead log, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    webhook.stop().await;
    for (path, open, right) in [(spool.clone(), 0o755, 0o700), (spool.join("spool.sqlite"), 0o644, 0o600)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(open)).unwrap();
        let error = refusal(config(folder.path()), broker.clone()).await;
        assert!(error.to_string().contains(&format!("chmod {right:o} {}", path.display())), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(right)).unwrap();
    }
}

#[tokio::test]
async fn a_file_in_the_spools_place_is_no_reason_to_change_its_mode() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    std::fs::write(folder.path().join("spool"), "").unwrap();
    let error = refusal(config(folder.path()), broker).await;
    assert!(matches!(error, SpoolError::NoFolder(_)), "{error}");
}

#[tokio::test]
async fn a_damaged_spool_is_refused_with_advice_and_left_as_it_is() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    post_all(&webhook, &ids(0..50), 202).await;
    webhook.stop().await;
    let file = folder.path().join("spool/spool.sqlite");
    let sound = std::fs::read(&file).unwrap();
    assert!(sound.len() > 3 * 4096, "{}", sound.len());
    let mut torn = sound.clone();
    torn[4096..2 * 4096 + 100].fill(0xa5);
    for damaged in [torn, b"no database at all, but a long enough text to be taken for one".repeat(100)] {
        std::fs::write(&file, &damaged).unwrap();
        let error = refusal(config(folder.path()), broker.clone()).await;
        assert!(matches!(error, SpoolError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(".recover"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), damaged, "untouched");
    }
    std::fs::write(&file, &sound).unwrap();
    broker.is_back();
    let webhook = start(config(folder.path()), &broker).await;
    eventually("all are forwarded", async || webhook.stats().forwarded == 50).await;
}

#[tokio::test]
async fn a_spool_of_another_colony_is_refused_until_it_is_empty() {
    let (folder, one, other) = (tempfile::tempdir().unwrap(), Broker::away(), Broker::new());
    let webhook = start(config(folder.path()), &one).await;
    post_all(&webhook, &ids(0..2), 202).await;
    webhook.stop().await;
    let error = refusal(config(folder.path()), other.clone()).await;
    assert!(matches!(error, SpoolError::Colony { events: 2, .. }), "{error}");
    one.is_back();
    let webhook = start(config(folder.path()), &one).await;
    eventually("all are forwarded", async || webhook.stats().forwarded == 2).await;
    webhook.stop().await;
    start(config(folder.path()), &other).await.stop().await;
    assert_eq!(other.events(), Vec::<String>::new());
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    start(config(folder.path()), &broker).await.stop().await;
    let file = folder.path().join("spool/spool.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    // The application id is in bytes 68 to 71 of the file: https://www.sqlite.org/fileformat.html
    bytes[68..72].copy_from_slice(b"NOPE");
    std::fs::write(&file, &bytes).unwrap();
    let error = refusal(config(folder.path()), broker).await;
    assert!(matches!(error, SpoolError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn an_event_that_cannot_be_written_is_answered_503_and_later_ones_are_kept() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::away());
    let webhook = start(config(folder.path()), &broker).await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("spool/spool.sqlite"));
    let mut meddler = SqliteConnection::connect_with(&file).await.unwrap();
    sqlx::query("ALTER TABLE waiting RENAME TO hidden").execute(&mut meddler).await.unwrap();
    let answer = post(webhook.address(), &event("evt_1")).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (503, "UNAVAILABLE"), "{answer:?}");
    assert_eq!(get(webhook.address(), "/readyz").await.status, 503);
    assert_eq!(get(webhook.address(), "/healthz").await.body["spool"]["failing"], true);
    sqlx::query("ALTER TABLE hidden RENAME TO waiting").execute(&mut meddler).await.unwrap();
    post_all(&webhook, &ids(1..3), 202).await;
    assert_eq!(get(webhook.address(), "/readyz").await.status, 200);
    broker.is_back();
    eventually("all are forwarded", async || webhook.stats().forwarded == 2).await;
    assert_eq!(broker.events(), ids(1..3));
}

#[tokio::test]
async fn an_operator_lists_retries_and_deletes_refused_events_beside_the_running_adapter() {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    broker.does_not_accept("evt_0");
    broker.does_not_accept("evt_1");
    let config = config(folder.path());
    let path = config.spool_path.clone();
    let webhook = start(config, &broker).await;
    for id in ids(0..3) {
        post(webhook.address(), &event(&id)).await.unwrap();
    }
    eventually("both are set aside", async || webhook.spool().set_aside_events == 2).await;
    let health = get(webhook.address(), "/healthz").await.body;
    assert_eq!(health["notices"][0]["kind"], json!("EVENTS_SET_ASIDE"), "{health}");

    let file = SpoolFile::open(&path).await.unwrap();
    let list = async |filter: SpoolFilter| {
        let found = file.entries(&filter).await.unwrap();
        found.into_iter().map(|one| one.idempotency_key).collect::<Vec<_>>()
    };
    let aside = || SpoolFilter { state: Some(SpoolState::SetAside), ..SpoolFilter::default() };
    assert_eq!(list(aside()).await, ["stripe:live::evt_0", "stripe:live::evt_1"]);
    let one = SpoolFilter { key_part: Some("evt_1".to_owned()), reason: Some("INVALID".to_owned()), ..aside() };
    let found = file.entries(&one).await.unwrap();
    assert_eq!((found.len(), found[0].kind.as_deref()), (1, Some("invoice.paid")), "{found:?}");
    assert_eq!(list(SpoolFilter { reason: Some("TOO_LARGE".to_owned()), ..aside() }).await, [""; 0]);
    assert_eq!(list(SpoolFilter { state: Some(SpoolState::Waiting), ..SpoolFilter::default() }).await, [""; 0]);
    for (id, events) in [("evt_1", 1), ("stripe:live::evt_1", 1), ("evt_", 0)] {
        let of = SpoolFilter { id: Some(id.to_owned()), ..SpoolFilter::default() };
        assert_eq!(list(of).await.len(), events, "{id}");
    }
    let spec = file.spec(&found[0]).await.unwrap().unwrap();
    assert!(String::from_utf8(spec).unwrap().contains("stripe:live::evt_1"));

    broker.accepts_all();
    assert!(file.retry("stripe:live::evt_0").await.unwrap());
    assert!(!file.retry("stripe:live::evt_0").await.unwrap(), "it is back in the line");
    eventually("the adapter notices and forwards it", async || broker.events() == ["evt_2", "evt_0"]).await;
    assert!(file.delete("stripe:live::evt_1").await.unwrap());
    assert_eq!(file.spec(&found[0]).await.unwrap(), None);
    eventually("the adapter notices", async || webhook.spool().set_aside_events == 0).await;
    eventually("the notice ends", async || webhook.notices().list().is_empty()).await;
    file.close().await;
    webhook.stop().await;
}

#[tokio::test]
async fn a_folder_without_a_spool_is_said_to_be_none_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let error = SpoolFile::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, SpoolError::NoSpool(_)) && error.to_string().contains("webhook.spool"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
