//! `ListEvents`: who changed what, and who was refused; for the colony's key, and keys with the right to read events.

use std::time::Duration;

use apiary_daemon::door::TrustedProxies;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Clock as _, Envelope, GrantRight, KeyPair, OutcomeKind, Revocation, Role, Spec, SystemClock};
use apiary_tests::{Backend, TestColony, eventually};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::processes::read::read;

on_each_store!(
    a_change_is_told_with_its_key_call_and_address,
    ordinary_work_makes_no_events,
    a_refusal_is_told_by_its_cause,
    work_that_an_executor_refuses_is_told,
    a_deleted_process_is_told_with_its_function,
    a_stranger_who_asks_for_approval_is_told_once,
    a_call_waits_for_the_next_event,
    a_reader_goes_on_after_a_restart_where_it_was,
    only_who_may_read_events_reads_them,
    events_are_read_over_http,
    what_cannot_be_meant_is_refused,
);

/// Time within which an event must come: refusals are written every second.
const SOON: Duration = Duration::from_secs(20);

/// Lists events after a position that match, and waits for the first.
async fn wait_for(client: &Client, kind: &str, after: i64) -> v1::Event {
    let mut request = v1::ListEventsRequest { kind: kind.into(), after, wait_ms: 2000, ..Default::default() };
    let found = async {
        loop {
            let page = client.list_events(request.clone()).await.unwrap();
            if let Some(event) = page.events.into_iter().next() {
                return event;
            }
            request.after = page.next;
        }
    };
    tokio::time::timeout(SOON, found).await.unwrap_or_else(|_| panic!("no event of kind {kind}"))
}

async fn list(client: &Client, kind: &str) -> Vec<v1::Event> {
    let request = v1::ListEventsRequest { kind: kind.into(), page_size: 1000, ..Default::default() };
    client.list_events(request).await.unwrap().events
}

async fn end(client: &Client) -> i64 {
    client.list_events(v1::ListEventsRequest { last: 1, ..Default::default() }).await.unwrap().next
}

async fn a_change_is_told_with_its_key_call_and_address(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let (user, operator) = (colony.user("ada").await, colony.operator("grace").await);
    let id = user.submit_json("t", "charge", &()).await.unwrap().process_id;
    operator.cancel(id, "no use", None).await.unwrap();
    operator
        .pause(v1::PauseRequest { kind: "function".into(), name: "charge".into(), reason: "why".into() })
        .await
        .unwrap();
    let created = &list(&owner, "colony").await[0];
    assert_eq!((created.position, created.subject.as_str(), created.name.as_str()), (1, "test", "server owner"));
    assert_eq!(created.key_id, colony.server_owner.id().to_string());
    let granted = list(&owner, "grant.added").await;
    assert_eq!(granted.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["ada", "grace"]);
    assert_eq!((granted[0].name.as_str(), granted[0].method.as_str()), ("colony", "AddGrant"));
    assert_eq!(granted[0].key_id, colony.key.id().to_string());
    let cancelled = &list(&owner, "process").await[0];
    assert_eq!((cancelled.kind.as_str(), cancelled.method.as_str()), ("process.cancelled", "Cancel"));
    assert_eq!((cancelled.process_id.as_str(), cancelled.function.as_str()), (&*id.to_string(), "charge"));
    assert_eq!((cancelled.name.as_str(), cancelled.detail.as_str(), cancelled.count), ("grace", "no use", 1));
    assert_eq!((cancelled.address.as_str(), cancelled.is_proven), ("127.0.0.1", true));
    assert!((cancelled.time_ms - SystemClock.now_ms()).abs() < 60_000);
    let paused = &list(&owner, "pause.added").await[0];
    assert_eq!((paused.subject.as_str(), paused.detail.as_str()), ("function charge", "why"));
    for request in [
        v1::ListEventsRequest { process_id: id.to_string(), ..Default::default() },
        v1::ListEventsRequest { request_id: cancelled.request_id.clone(), ..Default::default() },
        v1::ListEventsRequest { function: "charge".into(), ..Default::default() },
        v1::ListEventsRequest { method: "Cancel".into(), ..Default::default() },
        v1::ListEventsRequest {
            key_id: colony.key_of("grace").id().to_string(),
            kind: "process".into(),
            ..Default::default()
        },
    ] {
        let events = owner.list_events(request.clone()).await.unwrap().events;
        assert_eq!(events.as_slice(), std::slice::from_ref(cancelled), "{request:?}");
    }
}

async fn ordinary_work_makes_no_events(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let before = end(&owner).await;
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(end(&owner).await, before, "the process's own history tells it");
}

async fn a_refusal_is_told_by_its_cause(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let narrow = colony.grant("narrow", Role::User, &["charge"], &["t"], &[]).await;
    let (past, gone) = (KeyPair::generate(), KeyPair::generate());
    for (key, name, hours) in [(&past, "past", [-2, -1]), (&gone, "gone", [-1, 1])] {
        let mut grant = colony.grant_document(key, name, Role::User, &["*"], &["*"], &[]);
        let [from, until] = hours.map(|hours| SystemClock.now() + SignedDuration::from_hours(hours));
        (grant.valid_from, grant.valid_until) = (from, until);
        owner.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    }
    let revocation = Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(gone.id()),
        from: SystemClock.now(),
        reason: None,
    };
    owner.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    let stranger = KeyPair::generate();
    let spec = |key: &KeyPair, function: &str| {
        let spec = Spec::new(colony.key.id(), "t", function, SystemClock.now());
        (spec.process_id, Envelope::seal(key, &spec).unwrap())
    };
    let mut forged = spec(&colony.key_of("narrow"), "charge");
    forged.1.payload = Bytes::from(String::from_utf8(forged.1.payload.to_vec()).unwrap().replace("charge", "chargf"));
    let mut late = Spec::new(colony.key.id(), "t", "charge", SystemClock.now() - SignedDuration::from_hours(1));
    late.submit_by = SystemClock.now() - SignedDuration::from_secs(1);
    let late = (late.process_id, Envelope::seal(&colony.key_of("narrow"), &late).unwrap());
    for (kind, key, name, reason, (process_id, envelope)) in [
        ("refused.unknown_key", stranger.id(), "", "NOT_PERMITTED", spec(&stranger, "charge")),
        (
            "refused.scope",
            colony.key_of("narrow").id(),
            "narrow",
            "NOT_PERMITTED",
            spec(&colony.key_of("narrow"), "ship"),
        ),
        ("refused.expired", past.id(), "past", "NOT_PERMITTED", spec(&past, "charge")),
        ("refused.revoked", gone.id(), "gone", "NOT_PERMITTED", spec(&gone, "charge")),
        ("refused.signature", colony.key_of("narrow").id(), "", "SIGNATURE_INVALID", forged),
        ("refused.time", colony.key_of("narrow").id(), "narrow", "SUBMIT_BY_OVER", late),
    ] {
        assert_eq!(narrow.submit_envelope(&envelope).await.unwrap_err().reason(), Some(reason), "{kind}");
        let event = wait_for(&owner, kind, 0).await;
        assert_eq!((event.reason.as_str(), event.method.as_str(), event.count), (reason, "Submit", 1), "{kind}");
        assert_eq!((event.key_id, event.name.as_str()), (key.to_string(), name), "{kind}");
        assert_eq!(event.is_proven, kind != "refused.signature");
        assert_eq!((event.process_id, event.address.as_str()), (process_id.to_string(), "127.0.0.1"), "{kind}");
        assert!(!event.request_id.is_empty() && !event.detail.is_empty(), "{kind}");
    }
    // A call that is signed beside its message.
    let denied = colony.client(&stranger).list_pauses().await.unwrap_err();
    assert_eq!(denied.reason(), Some("NOT_PERMITTED"));
    let request = v1::ListEventsRequest { method: "ListPauses".into(), wait_ms: 10_000, ..Default::default() };
    let told = owner.list_events(request).await.unwrap().events;
    assert_eq!(told.first().map(|event| event.kind.as_str()), Some("refused.unknown_key"));
}

async fn work_that_an_executor_refuses_is_told(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "charge", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "the rules forbid it")).await.unwrap();
    let event = wait_for(&owner, "refused.work", 0).await;
    assert_eq!((event.process_id, event.function.as_str()), (id.to_string(), "charge"));
    assert_eq!((event.name.as_str(), event.detail.as_str()), ("bee", "the rules forbid it"));
}

async fn a_deleted_process_is_told_with_its_function(colony: TestColony) {
    let (owner, user) = (colony.client(&colony.key), colony.user("ada").await);
    let id = user.submit_json("t", "charge", &()).await.unwrap().process_id;
    owner.delete(id).await.unwrap();
    let event = &list(&owner, "process.deleted").await[0];
    assert_eq!((event.process_id.as_str(), event.function.as_str()), (&*id.to_string(), "charge"));
}

async fn a_stranger_who_asks_for_approval_is_told_once(colony: TestColony) {
    let (owner, stranger) = (colony.client(&colony.key), KeyPair::generate());
    let request =
        || v1::RegisterExecutorRequest { executor_type: "t".into(), name: "wasp".into(), ..Default::default() };
    for _ in 0..3 {
        colony.client(&stranger).register_executor(request()).await.unwrap();
    }
    let event = wait_for(&owner, "executor.asked", 0).await;
    assert_eq!((event.key_id, event.subject.as_str()), (stranger.id().to_string(), "wasp of type t"));
    assert_eq!((event.detail.as_str(), event.count), ("waits for approval", 1));
    owner.reject_executor(&stranger.id()).await.unwrap();
    assert_eq!(wait_for(&owner, "executor.rejected", 0).await.subject, stranger.id().to_string());
    assert_eq!(list(&owner, "executor.asked").await.len(), 1);
}

async fn a_call_waits_for_the_next_event(colony: TestColony) {
    let (owner, after) = (colony.client(&colony.key), end(&colony.client(&colony.key)).await);
    let (waiting, request) = (owner.clone(), v1::ListEventsRequest { after, wait_ms: 30_000, ..Default::default() });
    let waiting = tokio::spawn(async move { waiting.list_events(request).await });
    let pause = v1::PauseRequest { kind: "colony".into(), ..Default::default() };
    owner.pause(pause).await.unwrap();
    let page = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(page.events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["pause.added"]);
    // What does not match is passed over, and not read again.
    let request = v1::ListEventsRequest { after, kind: "grant".into(), wait_ms: 600, ..Default::default() };
    let none = owner.list_events(request).await.unwrap();
    assert_eq!((none.events.len(), none.next, none.is_more), (0, page.next, false));
}

async fn a_reader_goes_on_after_a_restart_where_it_was(mut colony: TestColony) {
    let pause = |name: &str| v1::PauseRequest { kind: "function".into(), name: name.into(), ..Default::default() };
    let owner = colony.client(&colony.key);
    owner.pause(pause("before")).await.unwrap();
    let next = end(&owner).await;
    colony.stop().await;
    colony.start_again().await;
    let owner = colony.client(&colony.key);
    owner.pause(pause("after")).await.unwrap();
    let page = owner.list_events(v1::ListEventsRequest { after: next, ..Default::default() }).await.unwrap();
    let told: Vec<_> = page.events.iter().map(|event| (event.position, event.subject.as_str())).collect();
    assert_eq!(told, [(next + 1, "function after")]);
}

async fn only_who_may_read_events_reads_them(colony: TestColony) {
    let may = colony.grant("auditor", Role::User, &[], &[], &[GrantRight::ReadEvents]).await;
    assert!(!list(&may, "grant").await.is_empty());
    let others = [colony.user("ada").await, colony.reader().await, colony.operator("grace").await];
    for client in others.iter().chain([&colony.client(&KeyPair::generate()), &colony.client(&colony.server_owner)]) {
        let refused = client.list_events(v1::ListEventsRequest::default()).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
    let other = KeyPair::generate();
    colony.client_for(other.id(), &colony.server_owner).create_colony("second").await.unwrap();
    let theirs = list(&colony.client_for(other.id(), &other), "").await;
    assert_eq!(
        theirs.iter().map(|event| (event.position, event.kind.as_str())).collect::<Vec<_>>(),
        [(1, "colony.created")]
    );
}

async fn events_are_read_over_http(colony: TestColony) {
    colony.grant("auditor", Role::User, &[], &[], &[GrantRight::ReadEvents]).await;
    let key = colony.key_of("auditor");
    let (status, page) = read(&colony, &key, "/v1/events?kind=grant.added&page_size=10").await;
    assert_eq!((status.as_u16(), page["events"].as_array().unwrap().len()), (200, 1), "{page}");
    assert_eq!((&page["events"][0]["subject"], &page["events"][0]["method"]), (&json!("auditor"), &json!("AddGrant")));
    assert_eq!((&page["events"][0]["reason"], &page["is_more"]), (&json!(null), &json!(false)));
    let next = page["next"].as_i64().unwrap();
    let (_, rest) = read(&colony, &key, &format!("/v1/events?after={next}&wait=500ms")).await;
    assert_eq!(rest["events"], json!([]));
    for bad in
        ["kind=weather", "after=-1", "since=yesterday", "colour=red", "last=0x", "wait=1h", "kind=grant&kind=pause"]
    {
        let (status, _) = read(&colony, &key, &format!("/v1/events?{bad}")).await;
        assert_eq!(status.as_u16(), 400, "{bad}");
    }
    colony.user("ada").await;
    assert_eq!(read(&colony, &colony.key_of("ada"), "/v1/events").await.0.as_u16(), 403);
}

async fn what_cannot_be_meant_is_refused(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let every = v1::ListEventsRequest::default;
    for (request, field) in [
        (v1::ListEventsRequest { kind: "weather".into(), ..every() }, "kind"),
        (v1::ListEventsRequest { after: -1, ..every() }, "after"),
        (v1::ListEventsRequest { after: 1, last: 1, ..every() }, "last"),
        (v1::ListEventsRequest { last: 1001, ..every() }, "last"),
        (v1::ListEventsRequest { page_size: -1, ..every() }, "page_size"),
        (v1::ListEventsRequest { process_id: "x".into(), ..every() }, "process_id"),
        (v1::ListEventsRequest { key_id: "x".into(), ..every() }, "key"),
        (v1::ListEventsRequest { since_ms: -1, ..every() }, "since_ms"),
        (v1::ListEventsRequest { method: "x".repeat(257), ..every() }, "method"),
        (v1::ListEventsRequest { wait_ms: -1, ..every() }, "wait_ms"),
    ] {
        let refused = owner.list_events(request).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{field}");
        assert!(refused.to_string().contains(field), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_calls_from_a_new_network_is_told_once() {
    let mut colony = TestColony::start_tuned(Backend::sqlite().await, |config| {
        config.listen.door.trusted_proxies = TrustedProxies::parse(&["127.0.0.1"]).unwrap();
    })
    .await;
    let user = colony.user("ada").await;
    let (url, key) = (format!("http://{}/v1/processes", colony.address()), colony.key_of("ada"));
    let submit = async |address: &str| {
        let envelope = Envelope::seal(&key, &user.spec("t", "f")).unwrap().to_json();
        let request = apiary_tests::http().post(&url).header("x-forwarded-for", address).body(envelope);
        assert!(request.send().await.unwrap().status().is_success());
    };
    submit("198.51.100.1").await;
    // A second network is news only after the first was written, within a second.
    eventually("the first network is known", async || {
        let known = colony.backend.number("SELECT count(*) FROM key_networks WHERE network = '198.51.100.0/24'").await;
        (known == 1).then_some(())
    })
    .await;
    for address in ["203.0.113.7", "203.0.113.8", "198.51.100.9"] {
        submit(address).await;
    }
    let event = wait_for(&colony.client(&colony.key), "key.new_address", 0).await;
    assert_eq!((event.key_id, event.name.as_str(), event.is_proven), (key.id().to_string(), "ada", true));
    assert_eq!((event.subject.as_str(), event.address.as_str()), ("203.0.113.0/24", "203.0.113.7"));
    colony.stop().await;
    colony.start_again().await;
    submit("203.0.113.9").await;
    submit("192.0.2.1").await;
    let owner = colony.client(&colony.key);
    let next = wait_for(&owner, "key.new_address", event.position).await;
    assert_eq!(next.subject, "192.0.2.0/24", "a restart tells nothing again");
    assert_eq!(list(&owner, "key").await.len(), 2);
}
