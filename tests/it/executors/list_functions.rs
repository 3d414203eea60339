//! `ListFunctions`: the announced functions and their statistics.

use apiary_executor_sdk::v1;
use apiary_identity::KeyPair;
use apiary_tests::{TestColony, eventually};

use super::saying;

on_each_store!(the_catalogue_shows_who_announces_what_and_how_it_did, a_process_that_nobody_came_for_is_counted);

async fn functions(reader: &apiary_executor_sdk::Client) -> Vec<v1::FunctionRecord> {
    reader.list_functions(v1::ListFunctionsRequest::default()).await.unwrap()
}

// Requirement R33.
// Case 34.
async fn the_catalogue_shows_who_announces_what_and_how_it_did(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let (bee, other) = (colony.executor("bee", "t").await, colony.executor("other", "t").await);
    bee.register_executor(saying("bee", &[("f", "{}"), ("g", "")])).await.unwrap();
    other.register_executor(saying("other", &[("f", "{}")])).await.unwrap();
    colony.client(&KeyPair::generate()).register_executor(saying("stranger", &[("h", "")])).await.unwrap();
    let before = functions(&reader).await;
    let names: Vec<_> = before.iter().map(|one| one.function.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["f", "g"], "who waits for approval announces nothing");
    let mut announcers = before[0].executors.clone();
    announcers.sort();
    assert_eq!(announcers, ["bee", "other"]);
    assert_eq!(before[0].statistics.unwrap().count, 0);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let after = functions(&reader).await[0].statistics.unwrap();
    assert_eq!((after.count, after.succeeded), (1, 1));
    assert!(after.wait_ms_min <= after.wait_ms_mean && after.wait_ms_mean <= after.wait_ms_max, "{after:?}");
    let of_type = v1::ListFunctionsRequest { executor_type: "u".into(), ..Default::default() };
    assert!(reader.list_functions(of_type).await.unwrap().is_empty());
    let too_long = v1::ListFunctionsRequest { window_ms: i64::MAX, ..Default::default() };
    assert_eq!(reader.list_functions(too_long).await.unwrap_err().reason(), Some("INVALID"));
    assert_eq!(
        user.list_functions(v1::ListFunctionsRequest::default()).await.unwrap_err().reason(),
        Some("NOT_PERMITTED")
    );
}

// Case 37.
async fn a_process_that_nobody_came_for_is_counted(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut spec = user.spec("t", "lonely");
    spec.max_wait_ms = 1000;
    user.submit(&spec).await.unwrap();
    let record = eventually("its wait is over", async || functions(&reader).await.pop()).await;
    let statistics = record.statistics.unwrap();
    assert_eq!((statistics.count, statistics.succeeded), (1, 0));
    assert_eq!((record.function.unwrap().name.as_str(), record.executors.len()), ("lonely", 0));
}
