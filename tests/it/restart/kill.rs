//! Repeated `kill -9` of the broker, the adapter and the bee under load: every event answered 2xx is applied exactly
//! once. Processes, sockets and databases are real.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_tests::{Backend, eventually_within, random};
use futures::StreamExt as _;
use rand::seq::IndexedRandom as _;

use apiary_tests::parts::{Parts, post_once};

/// Number of events, each for a subscription of its own.
const EVENTS: usize = 400;
/// Posts in progress at the same time.
const POSTERS: usize = 8;
/// Minimum number of kills of each kind.
const KILLS: usize = 4;

mod sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_event_answered_2xx_is_applied_exactly_once() {
        super::every_event_answered_2xx_is_applied_exactly_once(apiary_tests::Backend::sqlite().await).await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_event_answered_2xx_is_applied_exactly_once() {
        super::every_event_answered_2xx_is_applied_exactly_once(apiary_tests::Backend::postgres().await).await;
    }
}

/// Kills each part in turn, at random times, until `done`; returns the number of kills.
async fn kill_until(parts: &mut Parts, done: &AtomicUsize) -> usize {
    let mut random = random::generator();
    let mut pause = async |choices: [u64; 3]| {
        let ms = choices.choose(&mut random).copied().unwrap();
        // No wait for a condition: a part is killed, and started again, at a moment that nothing else decides.
        tokio::time::sleep(Duration::from_millis(ms)).await;
    };
    let mut kills = 0;
    while done.load(Ordering::SeqCst) < EVENTS || kills < 3 * KILLS {
        // The part's running time.
        pause([150, 300, 450]).await;
        let part = [&mut parts.broker, &mut parts.webhook, &mut parts.bee].into_iter().nth(kills % 3).unwrap();
        part.kill();
        // The part's down time.
        pause([0, 100, 400]).await;
        part.start();
        kills += 1;
    }
    kills
}

/// Posts as Stripe does: repeatedly until a 2xx. Counts the events that got one.
async fn post(webhook: SocketAddr, number: usize, done: &AtomicUsize) {
    loop {
        match post_once(webhook, number).await {
            Ok(answer) if answer.status().is_success() => break,
            Ok(answer) if answer.status().is_client_error() => panic!("refused: {}", answer.text().await.unwrap()),
            // The sender's pace: eight senders without a pause would take the cores from the parts that start.
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    done.fetch_add(1, Ordering::SeqCst);
}

async fn every_event_answered_2xx_is_applied_exactly_once(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker_and_webhook().await;
    parts.bee.start();

    let done = AtomicUsize::new(0);
    let webhook = parts.webhook_address;
    let posts = futures::stream::iter(0..EVENTS).for_each_concurrent(POSTERS, |number| post(webhook, number, &done));
    let (kills, ()) = tokio::join!(kill_until(&mut parts, &done), posts);
    assert!(kills >= 3 * KILLS);

    let reader = parts.client(&parts.colony);
    let by_event = eventually_within(Duration::from_secs(120), "every event's process succeeds", async || {
        let by_event = processes_by_event(&reader).await?;
        let finished = by_event.values().flatten().all(|state| *state == ProcessState::Succeeded);
        (by_event.len() == EVENTS && finished).then_some(by_event)
    })
    .await;
    assert!(by_event.values().all(|states| states.len() == 1), "an event has more than one process");
    assert_eq!(parts.bee.terminate().await, Some(0), "the bee drains");
    assert_applied_once(&folder.path().join("record.db")).await;
    assert_eq!(parts.webhook.terminate().await, Some(0));
    assert_eq!(parts.broker.terminate().await, Some(0));
}

/// Returns the states of all processes, by their Stripe event.
async fn processes_by_event(reader: &Client) -> Option<BTreeMap<String, Vec<ProcessState>>> {
    let (mut by_event, mut page_token) = (BTreeMap::<_, Vec<_>>::new(), String::new());
    loop {
        let request = ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await.ok()?;
        for process in page.processes {
            let event = process.labels.get("stripe_event").cloned().unwrap();
            by_event.entry(event).or_default().push(process.state());
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(by_event);
        }
    }
}

/// Asserts that the state of record has every event exactly once, and every subscription.
async fn assert_applied_once(record: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(record).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let events: Vec<(String,)> = sqlx::query_as("SELECT id FROM stripe_events").fetch_all(&pool).await.unwrap();
    let subscriptions: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM stripe_subscriptions WHERE status = 'active'").fetch_all(&pool).await.unwrap();
    for (what, rows) in [("evt", events), ("sub", subscriptions)] {
        let expected: BTreeSet<_> = (0..EVENTS).map(|number| format!("{what}_test{number:08}")).collect();
        assert_eq!(rows.len(), EVENTS, "{what}: once each");
        assert_eq!(rows.into_iter().map(|(id,)| id).collect::<BTreeSet<_>>(), expected);
    }
}
