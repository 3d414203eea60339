//! Many executors at several brokers: never more running than a limit allows, and everything is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{rate, running, submit_keyed, submit_rated};

on_each_store!(
    never_more_run_at_once_than_the_limit_allows_and_all_are_done,
    never_more_start_than_the_rate_allows_and_all_are_done
);

const EXECUTORS: usize = 10;

/// Numbers of running processes by key: now, and at the most.
#[derive(Default)]
struct Gauge {
    now: HashMap<String, usize>,
    most: HashMap<String, usize>,
    order: Vec<Uuid>,
}

impl Gauge {
    fn begin(&mut self, key: &str, process_id: Uuid) {
        let now = self.now.entry(key.to_owned()).or_default();
        *now += 1;
        let most = self.most.entry(key.to_owned()).or_default();
        *most = (*most).max(*now);
        self.order.push(process_id);
    }

    fn end(&mut self, key: &str) {
        *self.now.get_mut(key).unwrap() -= 1;
    }
}

// Under limits.
// Cases 17, 18.
async fn never_more_run_at_once_than_the_limit_allows_and_all_are_done(colony: TestColony) {
    let (user, _) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.client(&colony.key).set_limit(running("concurrency_key", "k-*", 3)).await.unwrap();
    let (clients, peers) = everywhere(&colony).await;
    let keys = Arc::new(Mutex::new(HashMap::new()));
    let mut one_by_one = Vec::new();
    for number in 0..90 {
        let key = ["k-0", "k-1", "single"][number % 3];
        let process_id = submit_keyed(&user, key).await;
        keys.lock().unwrap().insert(process_id, key.to_owned());
        one_by_one.extend((key == "single").then_some(process_id));
    }
    let (gauge, done) = (Arc::new(Mutex::new(Gauge::default())), Arc::new(tokio::sync::Semaphore::new(0)));
    let mut executors = JoinSet::new();
    for number in 0..EXECUTORS {
        let (bee, keys, gauge, done) =
            (clients[number % clients.len()].clone(), keys.clone(), gauge.clone(), done.clone());
        let key_of_bee = colony.key_of("bee");
        let id = colony.key.id();
        executors.spawn(async move {
            loop {
                for lease in claim(&bee, "t", 2, Duration::from_secs(30)).await {
                    let process_id: Uuid = lease.process_id.parse().unwrap();
                    let key = keys.lock().unwrap()[&process_id].clone();
                    gauge.lock().unwrap().begin(&key, process_id);
                    bee.renew(process_id, lease.attempt, Duration::from_secs(30)).await.unwrap();
                    gauge.lock().unwrap().end(&key);
                    bee.complete(&success(id, &key_of_bee, &lease)).await.unwrap();
                    done.add_permits(1);
                }
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), done.acquire_many(90)).await;
    assert!(all.is_ok(), "{} of 90 are done", done.available_permits());
    executors.shutdown().await;
    {
        let gauge = gauge.lock().unwrap();
        assert!(gauge.most["k-0"] <= 3 && gauge.most["k-1"] <= 3 && gauge.most["single"] == 1, "{:?}", gauge.most);
        let order: Vec<Uuid> = gauge.order.iter().copied().filter(|id| one_by_one.contains(id)).collect();
        assert_eq!(order, one_by_one, "first in, first out within a key");
    }
    for peer in peers {
        peer.stop().await;
    }
}

async fn never_more_start_than_the_rate_allows_and_all_are_done(colony: TestColony) {
    const COUNT: usize = 40;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    colony.executor("bee", "t").await;
    colony.client(&colony.key).set_limit(rate("rate_key", "*", 20, 500, 5)).await.unwrap();
    let (clients, peers) = everywhere(&colony).await;
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        ids.push(submit_rated(&user, "api").await);
    }
    let claimed = Arc::new(tokio::sync::Semaphore::new(0));
    let mut executors = JoinSet::new();
    for number in 0..EXECUTORS {
        let (bee, claimed) = (clients[number % clients.len()].clone(), claimed.clone());
        executors.spawn(async move {
            loop {
                claimed.add_permits(claim(&bee, "t", 3, Duration::from_secs(30)).await.len());
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), claimed.acquire_many(40)).await;
    assert!(all.is_ok(), "{} of {COUNT} started", claimed.available_permits());
    executors.shutdown().await;
    let mut started = Vec::new();
    for process_id in ids {
        let process = reader.get_process(process_id).await.unwrap();
        assert_eq!(process.attempts.len(), 1);
        started.push(process.attempts[0].claimed_at_ms);
    }
    started.sort_unstable();
    for (first, since) in started.iter().enumerate() {
        for (last, until) in started.iter().enumerate().skip(first) {
            let (count, passed_ms) = (last - first + 1, until - since);
            assert!(count as i64 <= 5 + passed_ms * 20 / 500 + 1, "{count} within {passed_ms} ms: {started:?}");
        }
    }
    for peer in peers {
        peer.stop().await;
    }
}

/// Returns the executor `bee` at three brokers, if there can be several.
async fn everywhere(colony: &TestColony) -> (Vec<Client>, Vec<apiary_tests::colony::Peer>) {
    let (mut clients, mut peers) = (vec![colony.client(&colony.key_of("bee"))], Vec::new());
    for _ in 0..2 {
        if let Some(peer) = colony.start_peer_if_shared().await {
            clients.push(peer.client(colony.key.id(), &colony.key_of("bee")));
            peers.push(peer);
        }
    }
    (clients, peers)
}

fn success(
    colony: apiary_identity::Id,
    key: &apiary_identity::KeyPair,
    lease: &v1::Lease,
) -> apiary_identity::Envelope {
    use apiary_identity::{Clock as _, Content, Envelope, Outcome, SystemClock};
    let digest = apiary_tests::colony::spec_digest(lease);
    let process_id = lease.process_id.parse().unwrap();
    let content = Content::from_bytes(b"1");
    let result = Outcome::succeeded(colony, process_id, lease.attempt, digest, SystemClock.now(), content);
    Envelope::seal(key, &result).unwrap()
}
