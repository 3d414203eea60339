//! `Await`: the answer comes when the process is finished.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use uuid::Uuid;

on_each_store!(
    it_answers_when_the_process_is_finished_with_its_result,
    it_answers_at_once_or_when_the_time_is_over_with_what_is_so_far,
    another_broker_tells_of_the_end,
    only_readers_wait_and_only_for_what_is_there,
);

async fn it_answers_when_the_process_is_finished_with_its_result(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let reader = colony.reader().await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.r#await(id, Duration::from_secs(30)).await.unwrap() }
    });
    let lease = colony.claim_one(&bee, "t").await;
    assert!(!waiting.is_finished(), "it runs");
    bee.complete(&colony.success("bee", &lease, b"42")).await.unwrap();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.process.unwrap().state(), v1::ProcessState::Succeeded);
    let attempt = answer.attempt.unwrap();
    assert_eq!((attempt.attempt, attempt.outcome.as_str(), attempt.executor.as_str()), (1, "succeeded", "bee"));
    assert!(attempt.result.is_some() && attempt.executor_grant.is_some(), "with all that checking it needs");
}

async fn it_answers_at_once_or_when_the_time_is_over_with_what_is_so_far(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let reader = colony.reader().await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for wait in [Duration::ZERO, Duration::from_millis(100)] {
        let answer = reader.r#await(id, wait).await.unwrap();
        assert_eq!(answer.process.unwrap().state(), v1::ProcessState::Waiting);
        assert!(answer.attempt.is_none());
    }
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such customer")).await.unwrap();
    let answer = reader.r#await(id, Duration::from_secs(30)).await.unwrap();
    assert_eq!(answer.process.unwrap().state(), v1::ProcessState::Failed);
    assert_eq!(answer.attempt.unwrap().reason, "no such customer");
}

async fn another_broker_tells_of_the_end(colony: TestColony) {
    let Some(peer) = colony.start_peer_if_shared().await else { return };
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let there = peer.client(colony.key.id(), &colony.key_of("reader"));
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let waiting = tokio::spawn(async move { there.r#await(id, Duration::from_secs(30)).await.unwrap() });
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"42")).await.unwrap();
    assert_eq!(waiting.await.unwrap().process.unwrap().state(), v1::ProcessState::Succeeded);
    peer.stop().await;
}

async fn only_readers_wait_and_only_for_what_is_there(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let denied = user.r#await(id, Duration::ZERO).await.unwrap_err();
    assert_eq!(denied.reason(), Some("NOT_PERMITTED"));
    let unknown = reader.r#await(Uuid::now_v7(), Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(unknown.reason(), Some("NOT_FOUND"));
}
