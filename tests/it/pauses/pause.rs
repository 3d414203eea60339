//! `Pause`: no paused work is handed out, at any broker; all other work continues.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_identity::{Envelope, GrantRight, KeyPair, Role, Scopes};
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};

use super::{pausing, resuming};

on_each_store!(
    a_paused_colony_hands_out_nothing_and_others_are_not_touched,
    a_paused_type_or_function_holds_up_only_its_own_work,
    what_runs_goes_on,
    only_the_owner_and_operators_pause,
    to_pause_again_changes_nothing,
    what_cannot_be_paused_is_refused
);

// Case 43.
async fn a_paused_colony_hands_out_nothing_and_others_are_not_touched(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let other = second(&colony).await;
    let here = user.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
    let there = other.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
    owner.pause(pausing("colony", "")).await.unwrap();
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    assert_eq!(colony.claim_one(&other, "t").await.process_id, there);
    // Work submitted meanwhile waits, too.
    user.submit_json("t", "f", &()).await.unwrap();
    assert!(claim(&bee, "t", 1, Duration::from_millis(300)).await.is_empty(), "no error, and no work");
    if let Some(peer) = colony.start_peer_if_shared().await {
        let bee = peer.client(colony.key.id(), &colony.key_of("bee"));
        assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty(), "at no broker");
        peer.stop().await;
    }
    owner.resume(resuming("colony", "")).await.unwrap();
    assert_eq!(colony.claim_one(&bee, "t").await.process_id, here);
}

async fn a_paused_type_or_function_holds_up_only_its_own_work(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("bee", Role::Executor, &["*"], &["t", "u"], &[]).await;
    let owner = colony.client(&colony.key);
    let mut ids = Vec::new();
    for (executor_type, function) in [("t", "charge"), ("t", "ship"), ("u", "charge"), ("u", "ship")] {
        ids.push(user.submit_json(executor_type, function, &()).await.unwrap().process_id.to_string());
    }
    let claim_all = async |executor_type: &str| {
        let leases = claim(&bee, executor_type, 9, Duration::ZERO).await;
        leases.into_iter().map(|lease| lease.process_id).collect::<Vec<_>>()
    };
    owner.pause(pausing("function", "charge")).await.unwrap();
    owner.pause(pausing("executor_type", "u")).await.unwrap();
    assert_eq!(claim_all("t").await, ids[1..2]);
    assert!(claim_all("u").await.is_empty());
    owner.resume(resuming("executor_type", "u")).await.unwrap();
    assert_eq!(claim_all("u").await, ids[3..]);
    owner.resume(resuming("function", "charge")).await.unwrap();
    assert_eq!((claim_all("t").await, claim_all("u").await), (vec![ids[0].clone()], vec![ids[2].clone()]));
}

async fn what_runs_goes_on(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    colony.client(&colony.key).pause(pausing("colony", "")).await.unwrap();
    bee.renew(process_id, lease.attempt, Duration::from_secs(30)).await.unwrap();
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(state_of(&reader, process_id).await, v1::ProcessState::Succeeded);
}

// Case 43.
async fn only_the_owner_and_operators_pause(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    let operator = colony.grant("olga", Role::User, &[], &[], &[GrantRight::Pause]).await;
    let stranger = colony.client(&KeyPair::generate());
    for client in [&user, &bee, &reader, &stranger] {
        let refused = client.pause(pausing("colony", "")).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
        let refused = client.resume(resuming("colony", "")).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
    let kept = operator.pause(pausing("function", "charge")).await.unwrap().pause.unwrap();
    assert_eq!((kept.by.as_str(), kept.reason.as_str()), ("olga", "the bank is away"));
    let owner = colony.client(&colony.key);
    assert_eq!(owner.pause(pausing("colony", "")).await.unwrap().pause.unwrap().by, "colony");
}

async fn to_pause_again_changes_nothing(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let first = owner.pause(pausing("function", "charge")).await.unwrap();
    let mut again = pausing("function", "charge");
    again.reason = "another".into();
    let second = owner.pause(again).await.unwrap();
    assert_eq!((first.existed, second.existed), (false, true));
    assert_eq!(first.pause, second.pause);
}

async fn what_cannot_be_paused_is_refused(colony: TestColony) {
    let owner = colony.client(&colony.key);
    for (kind, name) in
        [("", ""), ("weather", "x"), ("colony", "test"), ("function", ""), ("executor_type", ""), ("function", "a\0b")]
    {
        let refused = owner.pause(pausing(kind, name)).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{kind} {name}");
        let refused = owner.resume(resuming(kind, name)).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{kind} {name}");
    }
    for reason in ["x".repeat(4097), "a\0b".to_owned()] {
        let refused = owner.pause(v1::PauseRequest { reason, ..pausing("colony", "") }).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"));
    }
    let name = "x".repeat(129);
    assert_eq!(owner.pause(pausing("function", &name)).await.unwrap_err().reason(), Some("INVALID"));
}

/// Creates another colony on the same broker; returns a member with a grant for all work there.
async fn second(colony: &TestColony) -> apiary_executor_sdk::Client {
    let (key, member) = (KeyPair::generate(), KeyPair::generate());
    colony.client_for(key.id(), &colony.server_owner).create_colony("second").await.unwrap();
    let mut grant = colony.grant_document(&member, "x", Role::Executor, &["*"], &["*"], &[]);
    grant.colony = key.id();
    grant.scopes = Scopes { functions: vec!["*".into()], executor_types: vec!["*".into()] };
    colony.client_for(key.id(), &key).add_grant(&Envelope::seal(&key, &grant).unwrap()).await.unwrap();
    colony.client_for(key.id(), &member)
}
