//! Separation of colonies: nothing of one can be seen or changed through another.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, Content, Envelope, KeyPair, Outcome, Role, Scopes, SystemClock};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(
    another_colonys_keys_reach_nothing,
    a_watch_shows_nothing_of_another_colony,
    the_same_ids_and_keys_do_not_meet,
    an_executor_of_two_colonies_holds_a_lease_in_one
);

/// A second colony on the same broker, and its user, executor and owner.
async fn second(colony: &TestColony) -> (KeyPair, Client, Client) {
    let key = KeyPair::generate();
    colony.client_for(key.id(), &colony.server_owner).create_colony("second").await.unwrap();
    let mut clients = Vec::new();
    for role in [Role::User, Role::Executor] {
        let mine = KeyPair::generate();
        let mut grant = colony.grant_document(&mine, "x", role, &["*"], &["*"], &[]);
        grant.colony = key.id();
        grant.scopes = Scopes { functions: vec!["*".into()], executor_types: vec!["*".into()] };
        colony.client_for(key.id(), &key).add_grant(&Envelope::seal(&key, &grant).unwrap()).await.unwrap();
        clients.push(colony.client_for(key.id(), &mine));
    }
    let executor = clients.pop().unwrap();
    (key, clients.pop().unwrap(), executor)
}

// Cases 14, X13.
async fn another_colonys_keys_reach_nothing(colony: TestColony) {
    let user = colony.user("ada").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let (other, _, thief) = second(&colony).await;
    // Its own colony shows nothing of the first one.
    let owner = colony.client_for(other.id(), &other);
    assert_eq!(owner.get_process(id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert!(owner.list_processes(v1::ListProcessesRequest::default()).await.unwrap().processes.is_empty());
    assert!(claim(&thief, "t", 1, Duration::ZERO).await.is_empty());
    let watch = v1::WatchRequest { process_id: id.to_string(), ..Default::default() };
    assert_eq!(owner.watch(watch).await.err().unwrap().reason(), Some("NOT_FOUND"));
    // In the first colony it has no rights.
    let here = colony.client(&other);
    assert_eq!(here.get_process(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    assert_eq!(here.submit_json("t", "f", &()).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let bee = colony.executor("bee", "t").await;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(thief.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(thief.release(id, lease.attempt).await.unwrap_err().reason(), Some("LEASE_LOST"));
}

// Case X13.
async fn a_watch_shows_nothing_of_another_colony(colony: TestColony) {
    let (ada, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (other, eve, _) = second(&colony).await;
    let owner = colony.client_for(other.id(), &other);
    let filter = v1::ProcessFilter { executor_type: "t".into(), ..Default::default() };
    let everything = v1::WatchRequest { filter: Some(filter), ..Default::default() };
    let mut watch = owner.watch(everything.clone()).await.unwrap();
    // Every kind of change in the first colony, and then one in the second: its watch sees only its own.
    ada.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let theirs = eve.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_eq!(watch.next().await.unwrap().unwrap().process_id, theirs.to_string());
    // In the first colony, the second's key is a stranger's.
    let ours = v1::WatchRequest { process_id: lease.process_id, ..Default::default() };
    for request in [ours, everything] {
        let refused = colony.client(&other).watch(request).await.err().unwrap();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
}

/// A key may have grants in several colonies; a lease of one cannot be renewed or ended through another.
async fn an_executor_of_two_colonies_holds_a_lease_in_one(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (other, _, _) = second(&colony).await;
    let mut grant = colony.grant_document(&colony.key_of("bee"), "bee", Role::Executor, &["*"], &["*"], &[]);
    grant.colony = other.id();
    colony.client_for(other.id(), &other).add_grant(&Envelope::seal(&other, &grant).unwrap()).await.unwrap();
    let elsewhere = colony.client_for(other.id(), &colony.key_of("bee"));
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let renewed = elsewhere.renew(id, lease.attempt, Duration::from_secs(30)).await;
    assert_eq!(renewed.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(elsewhere.release(id, lease.attempt).await.unwrap_err().reason(), Some("LEASE_LOST"));
    let digest = apiary_tests::colony::spec_digest(&lease);
    let output = Content::from_bytes(b"1".as_slice());
    let result = Outcome::succeeded(other.id(), id, lease.attempt, digest, SystemClock.now(), output);
    let result = Envelope::seal(&colony.key_of("bee"), &result).unwrap();
    assert_eq!(elsewhere.complete(&result).await.unwrap_err().reason(), Some("LEASE_LOST"));
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
}

async fn the_same_ids_and_keys_do_not_meet(colony: TestColony) {
    let ada = colony.user("ada").await;
    let (other, eve, _) = second(&colony).await;
    let mut ours = ada.spec("t", "f");
    ours.idempotency_key = Some("k".into());
    ada.submit(&ours).await.unwrap();
    let mut theirs = eve.spec("t", "f");
    theirs.idempotency_key = Some("k".into());
    assert!(!eve.submit(&theirs).await.unwrap().existed, "idempotency keys are the colony's own");
    let mut same_id = eve.spec("t", "f");
    same_id.process_id = ours.process_id;
    assert_eq!(eve.submit(&same_id).await.unwrap_err().reason(), Some("TAKEN"));
    let owner = colony.client_for(other.id(), &other);
    let listed = owner.list_processes(v1::ListProcessesRequest::default()).await.unwrap().processes;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].process_id, theirs.process_id.to_string());
}
