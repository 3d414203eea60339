//! `SetLimit`: immediate effect, and woken polls.

use apiary_executor_sdk::v1;
use apiary_identity::{GrantRight, KeyPair, OutcomeKind, Role};
use apiary_tests::TestColony;

use super::{answer, claim_all, complete, poll, rate, running, submit_keyed, submit_rated};

on_each_store!(
    a_key_without_a_limit_runs_one_at_a_time_and_the_next_starts_at_once,
    a_raised_limit_gives_a_blocked_claim_its_work_at_every_broker,
    a_lowered_limit_starts_nothing_and_stops_nothing,
    a_place_in_another_lane_wakes_this_one,
    every_end_frees_the_place,
    a_rate_wakes_the_poll_when_the_next_may_start,
    a_rate_key_without_a_limit_is_refused_at_submit,
    only_the_owner_and_operators_set_limits,
    what_cannot_be_a_limit_is_refused
);

async fn a_key_without_a_limit_runs_one_at_a_time_and_the_next_starts_at_once(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let first = submit_keyed(&user, "customer-7").await;
    let second = submit_keyed(&user, "customer-7").await;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(lease.process_id, first.to_string());
    let poll = poll(&bee, "t");
    colony.wait_for_polls(1).await;
    assert!(claim_all(&bee).await.is_empty());
    complete(&colony, &bee, &lease).await;
    assert_eq!(answer(poll).await, second);
}

async fn a_raised_limit_gives_a_blocked_claim_its_work_at_every_broker(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    submit_keyed(&user, "k").await;
    colony.claim_one(&bee, "t").await;
    let waiting = submit_keyed(&user, "k").await;
    let peer = colony.start_peer_if_shared().await;
    let poll = match &peer {
        Some(peer) => {
            let poll = poll(&peer.client(colony.key.id(), &colony.key_of("bee")), "t");
            peer.wait_for_polls(1).await;
            poll
        }
        None => {
            let poll = poll(&bee, "t");
            colony.wait_for_polls(1).await;
            poll
        }
    };
    assert!(claim_all(&bee).await.is_empty());
    owner.set_limit(running("concurrency_key", "k*", 2)).await.unwrap();
    assert_eq!(answer(poll).await, waiting);
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

async fn a_lowered_limit_starts_nothing_and_stops_nothing(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    owner.set_limit(running("function", "f", 3)).await.unwrap();
    for _ in 0..5 {
        user.submit_json("t", "f", &()).await.unwrap();
    }
    let leases = claim_all(&bee).await;
    assert_eq!(leases.len(), 3);
    owner.set_limit(running("function", "f", 1)).await.unwrap();
    for lease in &leases[..2] {
        complete(&colony, &bee, lease).await;
        assert!(claim_all(&bee).await.is_empty());
    }
    complete(&colony, &bee, &leases[2]).await;
    assert_eq!(claim_all(&bee).await.len(), 1);
}

async fn a_place_in_another_lane_wakes_this_one(colony: TestColony) {
    let user = colony.user("ada").await;
    let bee = colony.grant("bee", Role::Executor, &["*"], &["t", "u"], &[]).await;
    submit_keyed(&user, "k").await;
    let lease = colony.claim_one(&bee, "t").await;
    let mut spec = user.spec("u", "f");
    spec.concurrency_key = Some("k".into());
    let waiting = user.submit(&spec).await.unwrap().process_id;
    let poll = poll(&bee, "u");
    colony.wait_for_polls(1).await;
    let peer = colony.start_peer_if_shared().await;
    // Ended at another broker, if there is one.
    let there = peer.as_ref().map(|peer| peer.client(colony.key.id(), &colony.key_of("bee")));
    complete(&colony, there.as_ref().unwrap_or(&bee), &lease).await;
    assert_eq!(answer(poll).await, waiting);
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

async fn every_end_frees_the_place(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.concurrency_key, spec.max_retries) = (Some("k".into()), 0);
    user.submit(&spec).await.unwrap();
    let failing = colony.claim_one(&bee, "t").await;
    let second = submit_keyed(&user, "k").await;
    let woken = poll(&bee, "t");
    colony.wait_for_polls(1).await;
    bee.fail(&colony.failure("bee", &failing, OutcomeKind::FailedFinal, "no")).await.unwrap();
    assert_eq!(answer(woken).await, second);
    // A lease that is not renewed.
    let mut spec = user.spec("t", "f");
    (spec.concurrency_key, spec.max_retries) = (Some("lost".into()), 0);
    user.submit(&spec).await.unwrap();
    let request = v1::ClaimRequest { executor_type: "t".into(), lease_ms: 1000, ..Default::default() };
    assert_eq!(bee.claim(request).await.unwrap().leases.len(), 1);
    let next = submit_keyed(&user, "lost").await;
    assert_eq!(answer(poll(&bee, "t")).await, next);
}

async fn a_rate_wakes_the_poll_when_the_next_may_start(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.client(&colony.key).set_limit(rate("rate_key", "*", 1, 1500, 1)).await.unwrap();
    submit_rated(&user, "api").await;
    let second = submit_rated(&user, "api").await;
    colony.claim_one(&bee, "t").await;
    let woken = poll(&bee, "t");
    colony.wait_for_polls(1).await;
    assert!(claim_all(&bee).await.is_empty());
    assert_eq!(answer(woken).await, second);
    // Another key has a rate of its own.
    submit_rated(&user, "another").await;
    assert_eq!(claim_all(&bee).await.len(), 1);
}

async fn a_rate_key_without_a_limit_is_refused_at_submit(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let mut spec = user.spec("t", "f");
    spec.rate_key = Some("api".into());
    let refused = user.submit(&spec).await.unwrap_err();
    assert_eq!(refused.reason(), Some("LIMIT_UNKNOWN"));
    assert!(refused.to_string().contains("api"), "{refused}");
    owner.set_limit(rate("rate_key", "ap*", 1, 60_000, 0)).await.unwrap();
    assert!(!user.submit(&spec).await.unwrap().existed);
    submit_rated(&user, "api").await;
    assert_eq!(claim_all(&bee).await.len(), 1);
    assert!(owner.remove_limit("rate_key", "ap*").await.unwrap());
    assert_eq!(claim_all(&bee).await.len(), 1, "what waits runs without a rate");
    assert!(user.submit(&spec).await.unwrap().existed, "what was kept is answered as before");
    let mut spec = user.spec("t", "f");
    spec.rate_key = Some("api".into());
    assert_eq!(user.submit(&spec).await.unwrap_err().reason(), Some("LIMIT_UNKNOWN"));
}

async fn only_the_owner_and_operators_set_limits(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    let operator = colony.grant("olga", Role::User, &[], &[], &[GrantRight::Operate]).await;
    let stranger = colony.client(&KeyPair::generate());
    for client in [&user, &bee, &reader, &stranger] {
        let refused = client.set_limit(running("function", "f", 1)).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
        let refused = client.remove_limit("function", "f").await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
    assert_eq!(operator.set_limit(running("function", "f", 1)).await.unwrap().by, "olga");
    let kept = colony.client(&colony.key).set_limit(rate("rate_key", "*", 3, 1000, 0)).await.unwrap();
    assert_eq!((kept.by.as_str(), kept.limit.unwrap().burst), ("colony", 3));
}

async fn what_cannot_be_a_limit_is_refused(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let key = |pattern: &str| running("concurrency_key", pattern, 1);
    let long = "x".repeat(257);
    let refused = [
        v1::Limit::default(),
        running("weather", "a", 1),
        key(""),
        key("**"),
        key("a*b"),
        key("a\0b"),
        key(&long),
        running("function", "f*", 1),
        running("executor_type", &"x".repeat(129), 1),
        running("concurrency_key", "a", 0),
        running("concurrency_key", "a", -1),
        running("concurrency_key", "a", 1_000_001),
        running("rate_key", "a", 1),
        running("function", "f", 0),
        rate("concurrency_key", "a", 1, 1000, 0),
        rate("rate_key", "a", 0, 1000, 0),
        rate("rate_key", "a", 1, 0, 0),
        rate("rate_key", "a", 1, 86_400_001, 0),
        rate("rate_key", "a", -1, 1000, 0),
        rate("rate_key", "a", i32::MAX, 1000, 0),
        rate("rate_key", "a", 1, i64::MIN, 0),
        rate("rate_key", "a", 1, 1000, -5),
        rate("function", "f", 0, 0, 5),
        v1::Limit { policy: "weather".into(), ..key("a") },
        v1::Limit { policy: "drop_newest".into(), ..running("function", "f", 1) },
    ];
    for limit in refused {
        let shown = format!("{limit:?}");
        assert_eq!(owner.set_limit(limit).await.unwrap_err().reason(), Some("INVALID"), "{shown}");
    }
    for (kind, pattern) in [("", ""), ("weather", "a"), ("function", ""), ("concurrency_key", "**")] {
        assert_eq!(owner.remove_limit(kind, pattern).await.unwrap_err().reason(), Some("INVALID"), "{kind} {pattern}");
    }
    assert!(owner.list_limits().await.unwrap().is_empty());
}
