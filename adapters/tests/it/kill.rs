//! `kill -9` of an adapter under load: whatever was answered with 2xx is forwarded by the next one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a helper fails the test")]

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_executor_sdk::testing::eventually;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::harness::{Broker, config, event, post, start};

/// Variable with the spool's folder; set only in the process that is to be killed.
const FOLDER: &str = "APIARY_TEST_KILL_FOLDER";
const COLONY: &str = "APIARY_TEST_KILL_COLONY";
const ROUNDS: usize = 4;
const EVENTS_PER_ROUND: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_killed_at_any_moment_loses_nothing_that_it_answered() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return be_the_adapter(folder.as_ref()).await;
    }
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let answered = Arc::new(Mutex::new(Vec::new()));
    let number = Arc::new(AtomicUsize::new(0));
    for round in 1..=ROUNDS {
        let (mut adapter, address) = start_process(folder.path(), &broker).await;
        let posters: Vec<_> =
            (0..8).map(|_| tokio::spawn(post_until_refused(address, answered.clone(), number.clone()))).collect();
        let enough = async || answered.try_lock().is_ok_and(|answered| answered.len() >= round * EVENTS_PER_ROUND);
        eventually("enough events are answered", enough).await;
        // SIGKILL, in the middle of whatever it is doing.
        adapter.kill().await.unwrap();
        for poster in posters {
            poster.await.unwrap();
        }
    }
    let webhook = start(config(folder.path()), &broker).await;
    eventually("the spool is empty", async || webhook.spool().waiting_events == 0).await;
    let forwarded: std::collections::HashSet<String> = broker.events().into_iter().collect();
    let answered = answered.lock().await;
    let lost: Vec<_> = answered.iter().filter(|id| !forwarded.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} were answered and lost: {lost:?}", lost.len(), answered.len());
    assert!(answered.len() >= ROUNDS * EVENTS_PER_ROUND);
}

/// Posts one event after the other until nobody is there any more.
async fn post_until_refused(address: SocketAddr, answered: Arc<Mutex<Vec<String>>>, number: Arc<AtomicUsize>) {
    loop {
        let id = format!("evt_{}", number.fetch_add(1, Ordering::Relaxed));
        match post(address, &event(&id)).await {
            Ok(answer) if answer.status == 202 => answered.lock().await.push(id),
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => return,
        }
    }
}

/// Starts this very test in a process of its own, where it is the adapter.
async fn start_process(folder: &Path, broker: &Broker) -> (Child, SocketAddr) {
    let told = folder.join("address");
    std::fs::remove_file(&told).ok();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::an_adapter_killed_at_any_moment_loses_nothing_that_it_answered"])
        .env(FOLDER, folder)
        .env(COLONY, apiary_adapters::Sink::colony(broker).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut address = None;
    eventually("the adapter listens", async || {
        address = std::fs::read_to_string(&told).ok().and_then(|text| text.parse().ok());
        address.is_some()
    })
    .await;
    (child, address.unwrap())
}

/// An adapter whose broker is away, until it is killed; or until whoever started it is gone, which closes its input.
async fn be_the_adapter(folder: &Path) {
    let broker = Broker::of(std::env::var(COLONY).unwrap().parse().unwrap());
    broker.goes_away();
    let webhook = start(config(folder), &broker).await;
    // Renamed into place, so that nobody reads half an address.
    let unfinished = folder.join("address.unfinished");
    std::fs::write(&unfinished, webhook.address().to_string()).unwrap();
    std::fs::rename(unfinished, folder.join("address")).unwrap();
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    input.await.unwrap().unwrap();
}
