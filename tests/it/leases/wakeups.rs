//! Wake-ups: as many polls as there is work, and the right ones.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_tests::TestColony;
use apiary_tests::colony::{Peer, claim};
use tokio::sync::mpsc;
use tokio::time::timeout;

on_each_store!(
    each_submit_ends_one_poll_of_eight,
    work_for_a_name_ends_that_executors_poll_and_no_other,
    watchers_take_no_wake_up_from_a_poll
);

/// Time far longer than any of these tests: a poll that is answered earlier was woken.
const LONG: Duration = Duration::from_secs(50);
/// Time shorter than the slow poll by which a broker finds work without a notification.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Waiting polls, each of an executor of its own.
struct Polls {
    answers: mpsc::Receiver<(String, Vec<v1::Lease>)>,
    sender: mpsc::Sender<(String, Vec<v1::Lease>)>,
}

impl Polls {
    fn new() -> Self {
        let (sender, answers) = mpsc::channel(16);
        Self { answers, sender }
    }

    fn start(&self, name: &str, bee: Client) {
        let (sender, name) = (self.sender.clone(), name.to_owned());
        tokio::spawn(async move {
            let leases = claim(&bee, "t", 1, LONG).await;
            sender.send((name, leases)).await.unwrap();
        });
    }

    /// Waits for the next poll that is answered.
    async fn next(&mut self) -> (String, String) {
        let (name, leases) = timeout(AT_ONCE, self.answers.recv()).await.expect("a poll is woken").unwrap();
        assert_eq!(leases.len(), 1, "whoever is woken has work");
        (name, leases[0].process_id.clone())
    }
}

/// Adds an executor, at the peer if there is one.
async fn executor_at(peer: Option<&Peer>, colony: &TestColony, name: &str) -> Client {
    let here = colony.executor(name, "t").await;
    peer.map_or(here, |peer| peer.client(colony.key.id(), &colony.key_of(name)))
}

// Case 19.
async fn each_submit_ends_one_poll_of_eight(colony: TestColony) {
    let (user, mut polls) = (colony.user("ada").await, Polls::new());
    for number in 0..8 {
        let name = format!("bee-{number}");
        polls.start(&name, colony.executor(&name, "t").await);
    }
    colony.wait_for_polls(8).await;
    let mut woken = Vec::new();
    for (submits, waiting) in [(1, 7), (3, 4)] {
        let mut expected = Vec::new();
        for _ in 0..submits {
            expected.push(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
        }
        let mut answered = Vec::new();
        for _ in 0..submits {
            let (name, process_id) = polls.next().await;
            woken.push(name);
            answered.push(process_id);
        }
        answered.sort();
        expected.sort();
        assert_eq!(answered, expected);
        colony.wait_for_polls(waiting).await;
        assert!(polls.answers.try_recv().is_err(), "nobody is woken for nothing");
    }
    woken.sort();
    woken.dedup();
    assert_eq!(woken.len(), 4);
}

/// The named executor polls last, and, if brokers share a database, at another broker than the one that gets the work.
// Case X14.
async fn work_for_a_name_ends_that_executors_poll_and_no_other(colony: TestColony) {
    let (user, mut polls) = (colony.user("ada").await, Polls::new());
    let peer = colony.start_peer_if_shared().await;
    for number in 0..5 {
        let name = format!("other-{number}");
        polls.start(&name, colony.executor(&name, "t").await);
    }
    colony.wait_for_polls(5).await;
    polls.start("one", executor_at(peer.as_ref(), &colony, "one").await);
    match &peer {
        Some(peer) => peer.wait_for_polls(1).await,
        None => colony.wait_for_polls(6).await,
    }
    let mut spec = user.spec("t", "f");
    spec.executor_names = vec!["one".into()];
    user.submit(&spec).await.unwrap();
    assert_eq!(polls.next().await, ("one".to_owned(), spec.process_id.to_string()));
    colony.wait_for_polls(5).await;
    assert!(polls.answers.try_recv().is_err(), "the others wait on");
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

// Case X14.
async fn watchers_take_no_wake_up_from_a_poll(colony: TestColony) {
    let (user, reader, mut polls) = (colony.user("ada").await, colony.reader().await, Polls::new());
    let mut watches = Vec::new();
    for _ in 0..20 {
        let filter = v1::ProcessFilter { executor_type: "t".into(), ..Default::default() };
        let request = v1::WatchRequest { filter: Some(filter), ..Default::default() };
        watches.push(reader.watch(request).await.unwrap());
    }
    polls.start("bee", colony.executor("bee", "t").await);
    colony.wait_for_polls(1).await;
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
    assert_eq!(polls.next().await, ("bee".to_owned(), process_id.clone()));
    for mut watch in watches {
        assert_eq!(watch.next().await.unwrap().unwrap().process_id, process_id);
    }
}
