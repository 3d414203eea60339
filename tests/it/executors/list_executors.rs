//! `ListExecutors`: the executors and their states.

use std::time::Duration;

use apiary_broker::config::ExecutorsConfig;
use apiary_executor_sdk::v1;
use apiary_identity::KeyPair;
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony, eventually};

use super::{saying, state_of, states};

on_each_store!(
    a_claim_is_heard_at_once_by_whoever_makes_it,
    an_executor_is_idle_while_it_waits_and_busy_while_it_works,
    executors_are_listed_by_pages_types_and_states,
    only_readers_list_executors,
);

mod quick_sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn an_executor_that_is_not_heard_is_silent_and_then_gone() {
        super::an_executor_that_is_not_heard_is_silent_and_then_gone(apiary_tests::Backend::sqlite().await).await;
    }
}

mod quick_postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn an_executor_that_is_not_heard_is_silent_and_then_gone() {
        super::an_executor_that_is_not_heard_is_silent_and_then_gone(apiary_tests::Backend::postgres().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_broker_hears_the_other_knows_soon() {
        super::what_one_broker_hears_the_other_knows_soon().await;
    }
}

fn quick(config: &mut apiary_broker::Config) {
    config.executors = ExecutorsConfig {
        silent_after: Duration::from_secs(1),
        gone_after: Duration::from_millis(2500),
        ..Default::default()
    };
}

// Case 16.
async fn a_claim_is_heard_at_once_by_whoever_makes_it(colony: TestColony) {
    let (bee, reader) = (colony.executor("bee", "t").await, colony.reader().await);
    let list = async || reader.list_executors(v1::ListExecutorsRequest::default()).await.unwrap().executors;
    let before = list().await;
    assert_eq!((before.len(), before[0].state.as_str(), before[0].last_heard_ms), (1, "gone", 0), "it never came");
    claim(&bee, "t", 1, Duration::ZERO).await;
    // At this broker at once, also before it is stored.
    let heard = eventually("it is written down, too", async || {
        Some(list().await.remove(0)).filter(|one| !one.executor_type.is_empty())
    })
    .await;
    assert_eq!((heard.state.as_str(), heard.registered_at_ms, heard.executor_type.as_str()), ("idle", 0, "t"));
    claim(&bee, "t", 1, Duration::ZERO).await;
    assert!(list().await[0].last_heard_ms > heard.last_heard_ms);
}

// Requirement R94.
async fn an_executor_is_idle_while_it_waits_and_busy_while_it_works(colony: TestColony) {
    let (user, bee, reader) = (colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await);
    bee.register_executor(saying("bee", &[])).await.unwrap();
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("idle"));
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("busy"));
    let page = reader.list_executors(v1::ListExecutorsRequest::default()).await.unwrap();
    assert_eq!(page.executors[0].running, 1);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("idle"));
}

// Requirements R19, R94.
// Case 42.
async fn an_executor_that_is_not_heard_is_silent_and_then_gone(backend: Backend) {
    let colony = TestColony::start_tuned(backend, quick).await;
    let (bee, reader) = (colony.executor("bee", "t").await, colony.reader().await);
    let waiting = colony.executor("waiting", "t").await;
    let poll = tokio::spawn(async move { claim(&waiting, "t", 1, Duration::from_secs(60)).await });
    let offer = v1::Offer { tags: vec!["attic".to_owned()], ..Default::default() };
    let request =
        v1::ClaimRequest { executor_type: "t".into(), count_max: 1, offer: Some(offer), ..Default::default() };
    bee.claim(request).await.unwrap();
    for state in ["idle", "silent", "gone"] {
        eventually(state, async || (state_of(&reader, "bee").await.as_deref() == Some(state)).then_some(())).await;
    }
    assert_eq!(state_of(&reader, "waiting").await.as_deref(), Some("idle"), "who waits is heard all the time");
    // Its owner is warned, and submitters whose work only it could run.
    let findings = reader.get_health().await.unwrap().findings;
    let found: Vec<_> = findings.iter().map(|one| (one.kind.as_str(), one.subject.as_str())).collect();
    assert_eq!(found, [("EXECUTOR_SILENT", "bee")]);
    let user = colony.user("ada").await;
    let mut spec = user.spec("t", "f");
    spec.requires.tags.insert("attic".to_owned());
    user.submit(&spec).await.unwrap();
    let reason = reader.explain(spec.process_id).await.unwrap().reasons.remove(0);
    assert!(reason.kind == "REQUIREMENTS_UNMET" && reason.text.ends_with("`bee` had it, and is gone"), "{reason:?}");
    claim(&bee, "t", 1, Duration::ZERO).await;
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("idle"));
    poll.abort();
}

async fn what_one_broker_hears_the_other_knows_soon() {
    let colony = TestColony::start_tuned(Backend::postgres().await, quick).await;
    let peer = colony.start_peer().await;
    colony.executor("bee", "t").await;
    let (bee, reader) = (peer.client(colony.key.id(), &colony.key_of("bee")), colony.reader().await);
    let poll = tokio::spawn(async move { claim(&bee, "t", 1, Duration::from_secs(60)).await });
    let idle = async || (state_of(&reader, "bee").await.as_deref() == Some("idle")).then_some(());
    eventually("it is idle here, too", idle).await;
    // The state stays longer than the time that counts as silence.
    let end = tokio::time::Instant::now() + Duration::from_secs(2);
    while tokio::time::Instant::now() < end {
        assert_eq!(idle().await, Some(()));
    }
    poll.abort();
    peer.stop().await;
}

async fn executors_are_listed_by_pages_types_and_states(colony: TestColony) {
    let reader = colony.reader().await;
    for number in 0..3 {
        let stranger = colony.client(&KeyPair::generate());
        stranger.register_executor(saying(&format!("stranger-{number}"), &[])).await.unwrap();
        let bee = colony.executor(&format!("bee-{number}"), "u").await;
        let request = v1::RegisterExecutorRequest { executor_type: "u".to_owned(), ..saying("bee", &[]) };
        bee.register_executor(request).await.unwrap();
    }
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListExecutorsRequest { page_size: 2, page_token, states: vec!["pending".into()], ..Default::default() };
        let page = reader.list_executors(request).await.unwrap();
        assert!(page.executors.len() <= 2);
        names.extend(page.executors.into_iter().map(|one| one.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["stranger-0", "stranger-1", "stranger-2"]);
    let of_type = v1::ListExecutorsRequest { executor_type: "u".into(), ..Default::default() };
    assert_eq!(reader.list_executors(of_type).await.unwrap().executors.len(), 3);
    assert_eq!(states(&reader).await.len(), 6);
    for wrong in [
        v1::ListExecutorsRequest { states: vec!["asleep".into()], ..Default::default() },
        v1::ListExecutorsRequest { page_size: 1001, ..Default::default() },
        v1::ListExecutorsRequest { page_token: "x".into(), ..Default::default() },
    ] {
        assert_eq!(reader.list_executors(wrong).await.unwrap_err().reason(), Some("INVALID"));
    }
}

async fn only_readers_list_executors(colony: TestColony) {
    for client in [colony.user("ada").await, colony.executor("bee", "t").await, colony.client(&KeyPair::generate())] {
        let refused = client.list_executors(v1::ListExecutorsRequest::default()).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
    assert!(colony.client(&colony.key).list_executors(v1::ListExecutorsRequest::default()).await.is_ok());
}
