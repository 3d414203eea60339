//! Two brokers that hear nothing of each other, as behind a pooler that swallows notifications: each finds what the other did.

use std::time::Duration;

use apiary_broker::config::StoreConfig;
use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::{ClaimRequest, ProcessState};
use apiary_identity::{Clock as _, Envelope, Revocation, SystemClock};
use apiary_tests::colony::Peer;
use apiary_tests::{Backend, TestColony, eventually_within};
use tokio::time::timeout;
use uuid::Uuid;

/// Longer than brokers wait before they look for each other's changes, and shorter than those wait that are told of them.
const FOUND: Duration = Duration::from_secs(4);

async fn deaf() -> (TestColony, Peer) {
    let backend = Backend::postgres().await;
    let mut store = backend.store_config();
    if let StoreConfig::Postgres { has_transaction_pooler, .. } = &mut store {
        *has_transaction_pooler = true;
    }
    let colony = TestColony::start_on(backend, store).await;
    let peer = colony.start_peer().await;
    (colony, peer)
}

fn there(colony: &TestColony, peer: &Peer, name: &str) -> Client {
    peer.client(colony.key.id(), &colony.key_of(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn work_and_its_end_are_found() {
    let (colony, peer) = deaf().await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    colony.executor("bee", "t").await;
    let bee = there(&colony, &peer, "bee");
    for _ in 0..3 {
        let poll = tokio::spawn({
            let bee = bee.clone();
            async move { bee.claim(ClaimRequest { executor_type: "t".into(), wait_ms: 60_000, ..Default::default() }).await }
        });
        peer.wait_for_polls(1).await;
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = timeout(FOUND, poll).await.expect("the work is found").unwrap().unwrap().leases.remove(0);
        let awaiting = tokio::spawn({
            let reader = reader.clone();
            async move { reader.r#await(id, Duration::from_secs(60)).await }
        });
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
        let ended = timeout(FOUND, awaiting).await.expect("its end is found").unwrap().unwrap();
        assert_eq!(ended.process.unwrap().state(), ProcessState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_found_by_a_poll_that_waits() {
    let (colony, peer) = deaf().await;
    for round in 0..3 {
        let name = format!("bee-{round}");
        let bee = colony.executor(&name, "t").await;
        let there = there(&colony, &peer, &name);
        let again = there.clone();
        let request = || ClaimRequest { executor_type: "t".into(), wait_ms: 60_000, ..Default::default() };
        let poll = tokio::spawn(async move { there.claim(request()).await });
        peer.wait_for_polls(1).await;
        let revocation = Revocation {
            colony: colony.key.id(),
            revocation_id: Uuid::new_v4(),
            grant_id: None,
            key: Some(bee.id()),
            from: SystemClock.now(),
            reason: None,
        };
        bee.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
        let refused = match timeout(FOUND, poll).await.expect("the revocation is found").unwrap() {
            Err(refused) => refused,
            // Its first look at the lane came after the revocation: it is sent away, and a claim is refused once the broker, which hears
            // of nothing, has read the grant again.
            Ok(answer) => {
                assert!(answer.drain && answer.leases.is_empty(), "{answer:?}");
                eventually_within(FOUND, "its claims are refused", async || again.claim(request()).await.err()).await
            }
        };
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
}
