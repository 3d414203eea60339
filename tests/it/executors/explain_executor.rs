//! `ExplainExecutor`: the reasons why an executor gets no work, with a test for each.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{KeyPair, Requirements, Role};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(
    nothing_waits_for_its_type,
    it_never_asked_for_work,
    it_waits_for_approval,
    it_is_being_drained,
    its_type_is_paused,
    what_waits_is_not_for_it_and_why,
    one_that_is_served_has_no_reason,
    a_name_that_nobody_has_is_refused,
);

async fn reasons(reader: &Client, name: &str) -> Vec<v1::ExecutorReason> {
    reader.explain_executor(name).await.unwrap().reasons
}

fn kinds(reasons: &[v1::ExecutorReason]) -> Vec<(&str, i64)> {
    reasons.iter().map(|reason| (reason.kind.as_str(), reason.count)).collect()
}

async fn nothing_waits_for_its_type(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    user.submit_json("other", "f", &()).await.unwrap();
    let reasons = reasons(&reader, "bee").await;
    assert_eq!(kinds(&reasons), [("NOTHING_WAITS", 0)]);
    assert_eq!(reasons[0].executor_type, "t");
}

async fn it_never_asked_for_work(colony: TestColony) {
    let reader = colony.reader().await;
    colony.executor("bee", "t").await;
    let reasons = reasons(&reader, "bee").await;
    assert_eq!(kinds(&reasons), [("NOT_POLLING", 0)]);
    assert!(reasons[0].text.contains("never asked"), "{}", reasons[0].text);
}

async fn it_waits_for_approval(colony: TestColony) {
    let reader = colony.reader().await;
    let request = v1::RegisterExecutorRequest { executor_type: "t".into(), name: "bee".into(), ..Default::default() };
    colony.client(&KeyPair::generate()).register_executor(request).await.unwrap();
    assert_eq!(kinds(&reasons(&reader, "bee").await), [("NOT_APPROVED", 0)]);
}

async fn it_is_being_drained(colony: TestColony) {
    let (reader, bee) = (colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    colony.client(&colony.key).drain_executor("bee", true).await.unwrap();
    assert_eq!(kinds(&reasons(&reader, "bee").await), [("DRAINED", 0)]);
}

async fn its_type_is_paused(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    user.submit_json("t", "f", &()).await.unwrap();
    let request = v1::PauseRequest { kind: "executor_type".into(), name: "t".into(), reason: String::new() };
    colony.client(&colony.key).pause(request).await.unwrap();
    assert_eq!(kinds(&reasons(&reader, "bee").await), [("PAUSED", 0)]);
}

async fn what_waits_is_not_for_it_and_why(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let bee = colony.grant("bee", Role::Executor, &["f", "p"], &["t"], &[]).await;
    let offer = v1::Offer { cpu: "1".into(), ..Default::default() };
    let claiming = v1::ClaimRequest { executor_type: "t".into(), offer: Some(offer), ..Default::default() };
    let pause = v1::PauseRequest { kind: "function".into(), name: "p".into(), reason: String::new() };
    colony.client(&colony.key).pause(pause).await.unwrap();
    for _ in 0..2 {
        let mut spec = user.spec("t", "f");
        spec.requires = Requirements { cpu: Some("8".parse().unwrap()), ..Requirements::default() };
        user.submit(&spec).await.unwrap();
    }
    let mut spec = user.spec("t", "f");
    spec.executor_names = vec!["other".into()];
    user.submit(&spec).await.unwrap();
    for function in ["g", "p"] {
        user.submit_json("t", function, &()).await.unwrap();
    }
    assert!(bee.claim(claiming).await.unwrap().leases.is_empty());
    let reasons = reasons(&reader, "bee").await;
    let expected = [("REQUIREMENTS_UNMET", 2), ("FUNCTION_NOT_GRANTED", 1), ("FOR_OTHERS", 1), ("FUNCTION_PAUSED", 1)];
    assert_eq!(kinds(&reasons), expected);
    assert!(reasons[0].text.contains("8000m"), "{}", reasons[0].text);
}

async fn one_that_is_served_has_no_reason(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    user.submit_json("t", "f", &()).await.unwrap();
    assert_eq!(kinds(&reasons(&reader, "bee").await), [], "it gets it when it asks");
}

async fn a_name_that_nobody_has_is_refused(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    assert_eq!(reader.explain_executor("ghost").await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(user.explain_executor("ghost").await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
