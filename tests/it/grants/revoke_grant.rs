//! `RevokeGrant`: after its answer, the grant permits nothing any more.

use std::time::Duration;

use apiary_executor_sdk::{Client, Watch, v1};
use apiary_identity::{Clock as _, Envelope, GrantRight, Id, KeyPair, Revocation, Role, SystemClock};
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};
use apiary_tests::{Backend, TestColony, eventually};
use jiff::SignedDuration;
use uuid::Uuid;

const READ: &[GrantRight] = &[GrantRight::Read];
const SOON: Duration = Duration::from_secs(20);

on_each_store!(
    a_removed_executors_work_goes_back_at_once_and_no_retry_is_spent,
    a_poll_under_a_revoked_grant_ends,
    whoever_watches_or_awaits_under_a_revoked_grant_is_told_so_at_once,
    a_watch_ends_when_its_grant_is_over,
    one_grant_of_a_key_ends_and_the_others_hold,
    a_revoked_user_submits_nothing_and_what_was_accepted_is_done,
    a_revocation_is_the_colonys_to_sign,
    a_revoked_key_cannot_be_granted_again,
);

mod two_brokers_postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn a_watch_at_another_broker_ends_also_if_no_notification_comes() {
        super::a_watch_at_another_broker_ends_also_if_no_notification_comes().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_revocation_at_one_broker_holds_at_the_other() {
        super::a_revocation_at_one_broker_holds_at_the_other().await;
    }
}

fn of_key(colony: &TestColony, key: Id) -> Revocation {
    Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(key),
        from: SystemClock.now(),
        reason: Some("it left".to_owned()),
    }
}

async fn revoke(colony: &TestColony, client: &Client, revocation: &Revocation) -> v1::RevokeGrantResponse {
    client.revoke_grant(&Envelope::seal(&colony.key, revocation).unwrap()).await.unwrap()
}

async fn claim_refused(bee: &Client) -> bool {
    let request = v1::ClaimRequest { executor_type: "t".into(), ..Default::default() };
    bee.claim(request).await.err().is_some_and(|error| error.reason() == Some("NOT_PERMITTED"))
}

// Case 41.
async fn a_removed_executors_work_goes_back_at_once_and_no_retry_is_spent(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let (bee, other) = (colony.executor("bee", "t").await, colony.executor("other", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 0;
    let id = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let revocation = of_key(&colony, bee.id());
    for leases in [1, 0] {
        let answer = revoke(&colony, &reader, &revocation).await;
        assert_eq!((answer.grants, answer.leases), (1, leases), "the same again changes nothing");
    }
    for refused in [
        bee.renew(id, lease.attempt, Duration::from_secs(30)).await.map(drop),
        bee.complete(&colony.success("bee", &lease, b"1")).await.map(drop),
        bee.release(id, lease.attempt).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert!(claim_refused(&bee).await);
    let second = colony.claim_one(&other, "t").await;
    assert_eq!((second.attempt, second.retries_left), (2, 0));
    other.complete(&colony.success("other", &second, b"1")).await.unwrap();
    let process = reader.get_process(id).await.unwrap();
    let endings: Vec<_> = process.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(endings, ["removed", "succeeded"]);
    assert_eq!(process.process.unwrap().state(), v1::ProcessState::Succeeded);
}

async fn a_poll_under_a_revoked_grant_ends(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let poll = tokio::spawn({
        let bee = bee.clone();
        let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 60_000, ..Default::default() };
        async move { bee.claim(request).await }
    });
    colony.wait_for_polls(1).await;
    revoke(&colony, &bee, &of_key(&colony, bee.id())).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("it ends at once").unwrap();
    assert_eq!(ended.unwrap_err().reason(), Some("NOT_PERMITTED"));
}

async fn watch(reader: &Client, process_id: Option<Uuid>) -> Watch {
    let process_id = process_id.map(|id| id.to_string()).unwrap_or_default();
    reader.watch(v1::WatchRequest { process_id, ..Default::default() }).await.unwrap()
}

/// Waits for the end of a watch; returns the reason.
async fn end(mut watch: Watch) -> Option<String> {
    let end = async {
        loop {
            match watch.next().await {
                Some(Ok(_)) => {}
                ended => return ended.and_then(|error| error.unwrap_err().reason().map(str::to_owned)),
            }
        }
    };
    tokio::time::timeout(SOON, end).await.expect("the watch ends")
}

async fn whoever_watches_or_awaits_under_a_revoked_grant_is_told_so_at_once(colony: TestColony) {
    let (user, reader, other) =
        (colony.user("ada").await, colony.reader().await, colony.grant("other", Role::User, &[], &[], READ).await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let (one, many) = (watch(&reader, Some(id)).await, watch(&reader, None).await);
    let mut others = watch(&other, Some(id)).await;
    assert!(others.next().await.unwrap().is_ok());
    let awaiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.r#await(id, Duration::from_secs(60)).await }
    });
    revoke(&colony, &user, &of_key(&colony, reader.id())).await;
    for ended in [end(one).await, end(many).await] {
        assert_eq!(ended.as_deref(), Some("NOT_PERMITTED"));
    }
    let awaited = tokio::time::timeout(SOON, awaiting).await.expect("it ends at once").unwrap();
    assert_eq!(awaited.unwrap_err().reason(), Some("NOT_PERMITTED"));
    colony.client(&colony.key).cancel(id, "", Some(Duration::ZERO)).await.unwrap();
    assert_eq!(others.next().await.unwrap().unwrap().state(), v1::ProcessState::Cancelled, "other keys watch on");
}

async fn a_watch_ends_when_its_grant_is_over(colony: TestColony) {
    let (user, key) = (colony.user("ada").await, KeyPair::generate());
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut grant = colony.grant_document(&key, "reader", Role::User, &[], &[], READ);
    grant.valid_until = SystemClock.now() + SignedDuration::from_secs(2);
    user.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    let reader = colony.client(&key);
    let watched = watch(&reader, Some(id)).await;
    let awaited = reader.r#await(id, Duration::from_secs(60)).await;
    // The broker's clock is the database's, and may differ a little.
    assert!(SystemClock.now() + SignedDuration::from_millis(500) > grant.valid_until, "not before its time");
    assert_eq!(awaited.unwrap_err().reason(), Some("NOT_PERMITTED"));
    assert_eq!(end(watched).await.as_deref(), Some("NOT_PERMITTED"));
}

async fn a_watch_at_another_broker_ends_also_if_no_notification_comes() {
    let colony = TestColony::start(Backend::postgres().await).await;
    let peer = colony.start_peer().await;
    let (reader, user) = (colony.reader().await, colony.user("ada").await);
    let there = peer.client(colony.key.id(), &colony.key_of("reader"));
    let told = watch(&there, None).await;
    revoke(&colony, &user, &of_key(&colony, reader.id())).await;
    assert_eq!(end(told).await.as_deref(), Some("NOT_PERMITTED"));
    // The same change in the database only, as if the notification had been lost.
    let other = colony.grant("other", Role::User, &[], &[], READ).await;
    let untold = watch(&peer.client(colony.key.id(), &colony.key_of("other")), None).await;
    let now_ms = SystemClock.now().as_millisecond();
    let (key, began) = (other.id(), tokio::time::Instant::now());
    let hex: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let update = format!("UPDATE grants SET revoked_from_ms = {now_ms} WHERE grantee = '\\x{hex}'");
    colony.backend.execute(&update).await;
    assert_eq!(end(untold).await.as_deref(), Some("NOT_PERMITTED"));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    peer.stop().await;
}

async fn one_grant_of_a_key_ends_and_the_others_hold(colony: TestColony) {
    let key = KeyPair::generate();
    let bee = colony.client(&key);
    let [first, second] =
        ["t", "u"].map(|kind| colony.grant_document(&key, "bee", Role::Executor, &["*"], &[kind], &[]));
    for grant in [&first, &second] {
        bee.add_grant(&Envelope::seal(&colony.key, grant).unwrap()).await.unwrap();
    }
    let revocation = Revocation { grant_id: Some(first.grant_id), key: None, ..of_key(&colony, key.id()) };
    assert_eq!(revoke(&colony, &bee, &revocation).await.grants, 1);
    assert!(claim_refused(&bee).await);
    assert!(claim(&bee, "u", 1, Duration::ZERO).await.is_empty());
}

async fn a_revoked_user_submits_nothing_and_what_was_accepted_is_done(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    revoke(&colony, &reader, &of_key(&colony, user.id())).await;
    let refused = user.submit_json("t", "f", &()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("revoked"), "{refused}");
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(state_of(&reader, id).await, v1::ProcessState::Succeeded);
}

async fn a_revocation_is_the_colonys_to_sign(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let revocation = of_key(&colony, bee.id());
    for signer in [&colony.key_of("ada"), &colony.server_owner, &KeyPair::generate()] {
        let refused = user.revoke_grant(&Envelope::seal(signer, &revocation).unwrap()).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    }
    let later = Revocation { from: SystemClock.now() + SignedDuration::from_hours(1), ..revocation.clone() };
    let refused = user.revoke_grant(&Envelope::seal(&colony.key, &later).unwrap()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"), "{refused}");
    let no_revocation = colony.grant_document(&colony.key_of("ada"), "eve", Role::User, &["*"], &["*"], &[]);
    let refused = user.revoke_grant(&Envelope::seal(&colony.key, &no_revocation).unwrap()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"), "{refused}");
    assert!(!claim_refused(&bee).await);
}

async fn a_revoked_key_cannot_be_granted_again(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    revoke(&colony, &bee, &of_key(&colony, bee.id())).await;
    let grant = colony.grant_document(&colony.key_of("bee"), "bee", Role::Executor, &["*"], &["t"], &[]);
    let refused = bee.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("new key"), "{refused}");
    assert!(claim_refused(&bee).await);
}

async fn a_revocation_at_one_broker_holds_at_the_other() {
    let colony = TestColony::start(Backend::postgres().await).await;
    let peer = colony.start_peer().await;
    let (user, here) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let there = peer.client(colony.key.id(), &colony.key_of("bee"));
    // The other broker knows the grant, and a poll waits there.
    assert!(claim(&there, "t", 1, Duration::ZERO).await.is_empty());
    let poll = tokio::spawn({
        let there = there.clone();
        let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 60_000, ..Default::default() };
        async move { there.claim(request).await }
    });
    revoke(&colony, &here, &of_key(&colony, here.id())).await;
    // The other broker hands out nothing from now on, with or without the notification.
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    eventually("the other broker refuses", async || claim_refused(&there).await.then_some(())).await;
    // Refused if the other broker was notified before the work came; else empty, because the claim itself checks.
    match tokio::time::timeout(Duration::from_secs(20), poll).await.expect("the poll ends").unwrap() {
        Ok(answer) => assert!(answer.leases.is_empty() && answer.drain),
        Err(refused) => assert_eq!(refused.reason(), Some("NOT_PERMITTED")),
    }
    let other = colony.executor("other", "t").await;
    let leases = claim(&other, "t", 1, CLAIM_WAIT).await;
    assert_eq!((leases[0].process_id.as_str(), leases[0].attempt), (id.to_string().as_str(), 1));
    peer.stop().await;
}
