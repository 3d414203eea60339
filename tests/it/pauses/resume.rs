//! `Resume`: waiting polls get their work at once, at every broker.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{Client, v1};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{pausing, resuming};

on_each_store!(
    a_blocked_claim_gets_its_work_after_resume_at_every_broker,
    a_blocked_claim_gets_the_work_of_a_resumed_type_or_function,
    to_resume_what_is_not_paused_is_no_error,
    max_wait_stands_still_and_goes_on_with_the_resume
);

/// Time far longer than any of these tests: a poll that is answered earlier was woken.
const LONG: Duration = Duration::from_secs(50);
/// Time shorter than the slow poll by which a broker finds work without a notification.
const AT_ONCE: Duration = Duration::from_secs(4);

fn poll(bee: &Client) -> JoinHandle<Vec<v1::Lease>> {
    let bee = bee.clone();
    tokio::spawn(async move { claim(&bee, "t", 1, LONG).await })
}

async fn answer(poll: JoinHandle<Vec<v1::Lease>>) -> String {
    let leases = timeout(AT_ONCE, poll).await.expect("the poll is woken").unwrap();
    assert_eq!(leases.len(), 1);
    leases[0].process_id.clone()
}

// Cases 43, X15.
async fn a_blocked_claim_gets_its_work_after_resume_at_every_broker(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    owner.pause(pausing("colony", "")).await.unwrap();
    let mut submitted = Vec::new();
    for _ in 0..2 {
        submitted.push(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
    }
    let mut polls = vec![poll(&bee)];
    colony.wait_for_polls(1).await;
    let peer = colony.start_peer_if_shared().await;
    match &peer {
        Some(peer) => {
            polls.push(poll(&peer.client(colony.key.id(), &colony.key_of("bee"))));
            peer.wait_for_polls(1).await;
        }
        None => {
            polls.push(poll(&bee));
            colony.wait_for_polls(2).await;
        }
    }
    assert!(owner.resume(resuming("colony", "")).await.unwrap().existed);
    let mut answered = Vec::new();
    for poll in polls {
        answered.push(answer(poll).await);
    }
    answered.sort();
    submitted.sort();
    assert_eq!(answered, submitted);
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

async fn a_blocked_claim_gets_the_work_of_a_resumed_type_or_function(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    for (kind, name) in [("executor_type", "t"), ("function", "f")] {
        owner.pause(pausing(kind, name)).await.unwrap();
        let poll = poll(&bee);
        colony.wait_for_polls(1).await;
        let submitted = user.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
        // Handed-out work would show by now: this claim is served after that of the poll.
        assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
        assert!(!poll.is_finished());
        owner.resume(resuming(kind, name)).await.unwrap();
        assert_eq!(answer(poll).await, submitted);
    }
}

async fn to_resume_what_is_not_paused_is_no_error(colony: TestColony) {
    let owner = colony.client(&colony.key);
    assert!(!owner.resume(resuming("colony", "")).await.unwrap().existed);
    owner.pause(pausing("function", "f")).await.unwrap();
    assert!(!owner.resume(resuming("executor_type", "f")).await.unwrap().existed);
    assert!(owner.resume(resuming("function", "f")).await.unwrap().existed);
}

// Case X7.
async fn max_wait_stands_still_and_goes_on_with_the_resume(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let peer = colony.start_peer_if_shared().await;
    for (kind, name) in [("executor_type", "t"), ("function", "f")] {
        owner.pause(pausing(kind, name)).await.unwrap();
        let [paused, unpaused] = [("t", "f"), ("u", "g")].map(|(executor_type, function)| {
            let mut spec = user.spec(executor_type, function);
            spec.max_wait_ms = 1000;
            spec
        });
        let mut second = paused.clone();
        second.process_id = uuid::Uuid::now_v7();
        for spec in [&paused, &second, &unpaused] {
            user.submit(spec).await.unwrap();
        }
        let failed = eventually("what is not paused has failed", async || {
            let process = reader.get_process(unpaused.process_id).await.unwrap().process.unwrap();
            (process.state() == ProcessState::Failed).then_some(process)
        });
        // The sweep that failed it saw the paused ones first: they were due no later.
        let failed_ms = failed.await.state_since_ms;
        assert_eq!(state_of(&reader, paused.process_id).await, ProcessState::Waiting);
        owner.resume(resuming(kind, name)).await.unwrap();
        assert_eq!(colony.claim_one(&bee, "t").await.process_id, paused.process_id.to_string());
        // The second process is not claimed.
        let ended = reader.wait_until_finished(second.process_id);
        let ended = timeout(Duration::from_secs(10), ended).await.expect("the sweep looks again at once").unwrap();
        assert_eq!(ended.state(), ProcessState::Failed);
        assert!(ended.state_since_ms >= failed_ms + 1000, "its whole wait was left: it came under the pause");
    }
    if let Some(peer) = peer {
        peer.stop().await;
    }
}
