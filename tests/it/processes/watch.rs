//! `Watch`: the state now, then every change, then the end.

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_tests::TestColony;

on_each_store!(
    it_follows_one_process_to_its_end,
    it_follows_a_filter,
    a_finished_process_ends_the_watch_at_once,
    a_stopping_broker_ends_watches,
    an_unknown_process_is_refused
);

fn of(process_id: impl ToString) -> v1::WatchRequest {
    v1::WatchRequest { process_id: process_id.to_string(), ..Default::default() }
}

async fn it_follows_one_process_to_its_end(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Waiting);
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Running);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Succeeded);
    assert!(watch.next().await.is_none());
}

async fn it_follows_a_filter(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let filter = v1::ProcessFilter { executor_type: "t".into(), ..Default::default() };
    let mut watch = reader.watch(v1::WatchRequest { filter: Some(filter), ..Default::default() }).await.unwrap();
    user.submit_json("other", "f", &()).await.unwrap();
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let seen = watch.next().await.unwrap().unwrap();
    assert_eq!(seen.process_id, id.to_string());
}

async fn a_finished_process_ends_the_watch_at_once(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Succeeded);
    assert!(watch.next().await.is_none());
}

async fn a_stopping_broker_ends_watches(mut colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert!(watch.next().await.unwrap().is_ok());
    colony.stop().await;
    let ended = watch.next().await.unwrap().unwrap_err();
    assert!(ended.is_retryable(), "{ended}");
}

async fn an_unknown_process_is_refused(colony: TestColony) {
    let reader = colony.reader().await;
    let unknown = reader.watch(of(uuid::Uuid::now_v7())).await.err().unwrap();
    assert_eq!(unknown.reason(), Some("NOT_FOUND"));
    let both = v1::WatchRequest {
        process_id: uuid::Uuid::now_v7().to_string(),
        filter: Some(v1::ProcessFilter::default()),
        logs: false,
    };
    assert_eq!(reader.watch(both).await.err().unwrap().reason(), Some("INVALID"));
    let user = colony.user("ada").await;
    assert_eq!(user.watch(of(uuid::Uuid::now_v7())).await.err().unwrap().reason(), Some("NOT_PERMITTED"));
}
