//! `Await`: answered when the process is finished, or after the wait.

use std::time::{Duration, Instant};

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use uuid::Uuid;

on_each_store!(
    it_is_answered_when_the_process_ends_with_its_result,
    time_over_is_an_answer_with_the_unfinished_process,
    a_retry_is_no_end,
    the_last_process_of_another_broker_ends_it_too,
    only_who_may_read_may_wait,
    a_broker_that_stops_lets_go
);

const LONG: Duration = Duration::from_secs(50);
const SOON: Duration = Duration::from_secs(20);

async fn it_is_answered_when_the_process_ends_with_its_result(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let begun = Instant::now();
    let result = colony.success("bee", &lease, b"42");
    let (awaited, completed) = tokio::join!(reader.r#await(id, LONG), async {
        // The call most likely waits already; if not, the result must be the same.
        let not_yet = reader.r#await(id, Duration::from_millis(50)).await.unwrap();
        assert_eq!(not_yet.process.unwrap().state(), ProcessState::Running);
        bee.complete(&result).await
    });
    completed.unwrap();
    assert!(begun.elapsed() < SOON, "it ends early");
    let awaited = awaited.unwrap();
    assert_eq!(awaited.process.unwrap().state(), ProcessState::Succeeded);
    let attempt = awaited.attempt.unwrap();
    assert_eq!((attempt.attempt, attempt.outcome.as_str()), (1, "succeeded"));
    let kept = apiary_executor_sdk::wire::envelope_from_proto(attempt.result.as_ref().unwrap()).unwrap();
    assert_eq!(kept, result, "the result as it was signed");
    let again = reader.r#await(id, Duration::ZERO).await.unwrap();
    assert_eq!(again.process.unwrap().state(), ProcessState::Succeeded);
}

async fn time_over_is_an_answer_with_the_unfinished_process(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for wait in [Duration::ZERO, Duration::from_millis(300)] {
        let begun = Instant::now();
        let awaited = reader.r#await(id, wait).await.unwrap();
        assert_eq!(awaited.process.unwrap().state(), ProcessState::Waiting);
        assert_eq!(awaited.attempt, None);
        assert!(begun.elapsed() >= wait);
    }
    assert_eq!(reader.r#await(Uuid::now_v7(), LONG).await.unwrap_err().reason(), Some("NOT_FOUND"));
}

async fn a_retry_is_no_end(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 2;
    let id = user.submit(&spec).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy")).await.unwrap();
    let awaited = reader.r#await(id, Duration::from_millis(100)).await.unwrap();
    assert!(!matches!(awaited.process.unwrap().state(), ProcessState::Failed | ProcessState::DeadLetter));
    let again = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &again, OutcomeKind::FailedFinal, "never")).await.unwrap();
    let awaited = reader.r#await(id, LONG).await.unwrap();
    assert_eq!(awaited.process.unwrap().state(), ProcessState::DeadLetter);
    assert_eq!(awaited.attempt.unwrap().attempt, 2);
}

async fn the_last_process_of_another_broker_ends_it_too(colony: TestColony) {
    let Some(peer) = colony.start_peer_if_shared().await else { return };
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let reader = peer.client(colony.key.id(), &colony.key_of("reader"));
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let begun = Instant::now();
    let (awaited, ()) = tokio::join!(reader.r#await(id, LONG), async {
        reader.r#await(id, Duration::from_millis(100)).await.unwrap();
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    });
    assert_eq!(awaited.unwrap().process.unwrap().state(), ProcessState::Succeeded);
    assert!(begun.elapsed() < SOON, "it ends early");
    peer.stop().await;
}

async fn only_who_may_read_may_wait(colony: TestColony) {
    let (user, other, bee) = (colony.user("ada").await, colony.user("bob").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for stranger in [other, bee] {
        let refused = stranger.r#await(id, LONG).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    }
}

async fn a_broker_that_stops_lets_go(mut colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.r#await(id, LONG).await }
    });
    reader.r#await(id, Duration::from_millis(100)).await.unwrap();
    colony.stop().await;
    let answer = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert!(answer.is_err(), "the caller asks again, and elsewhere");
}
