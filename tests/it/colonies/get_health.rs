//! `GetHealth`: what needs somebody's attention.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::OutcomeKind;
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony, eventually};

on_each_store!(
    a_quiet_colony_is_healthy,
    what_needs_attention_is_listed,
    conditions_of_the_broker_itself_are_listed_until_they_end,
    only_readers_ask
);

mod quick_sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_listens_for_is_reported_after_a_while() {
        super::work_that_nobody_listens_for_is_reported_after_a_while(apiary_tests::Backend::sqlite().await).await;
    }
}

mod quick_postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_listens_for_is_reported_after_a_while() {
        super::work_that_nobody_listens_for_is_reported_after_a_while(apiary_tests::Backend::postgres().await).await;
    }
}

async fn kinds(reader: &Client) -> Vec<String> {
    reader.get_health().await.unwrap().findings.into_iter().map(|finding| finding.kind).collect()
}

async fn a_quiet_colony_is_healthy(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    claim(&bee, "t", 1, Duration::ZERO).await;
    user.submit_json("t", "f", &()).await.unwrap();
    let health = reader.get_health().await.unwrap();
    assert!(health.healthy && health.findings.is_empty(), "{health:?}");
}

async fn what_needs_attention_is_listed(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "not what was signed")).await.unwrap();
    let mut child = user.spec("t", "f");
    child.parents.insert(lease.process_id.parse().unwrap());
    user.submit(&child).await.unwrap();
    let pause = v1::PauseRequest { kind: "function".into(), name: "g".into(), reason: "a fault".into() };
    colony.client(&colony.key).pause(pause).await.unwrap();
    let stranger = colony.client(&apiary_identity::KeyPair::generate());
    let request = v1::RegisterExecutorRequest { executor_type: "t".into(), name: "new".into(), ..Default::default() };
    stranger.register_executor(request).await.unwrap();
    let health = reader.get_health().await.unwrap();
    assert!(!health.healthy);
    assert_eq!(kinds(&reader).await, ["DEAD_LETTERS", "PARENT_FAILED", "PAUSED", "EXECUTOR_PENDING"]);
    assert_eq!(health.findings[0].count, 1);
    assert!(health.findings[1].text.contains("1 other waits for it") && health.findings[1].subject == lease.process_id);
    assert!(health.findings[2].text.contains("by colony since") && health.findings[2].subject == "g");
}

async fn conditions_of_the_broker_itself_are_listed_until_they_end(colony: TestColony) {
    let reader = colony.reader().await;
    let notices = colony.notices();
    notices.raise("CERTIFICATE_EXPIRES", "broker.pem", "it ends tomorrow: renew it");
    notices.raise("CERTIFICATE_EXPIRES", "broker.pem", "it ends today: renew it");
    let health = reader.get_health().await.unwrap();
    assert!(!health.healthy);
    let finding = &health.findings[0];
    assert_eq!((finding.kind.as_str(), finding.subject.as_str()), ("CERTIFICATE_EXPIRES", "broker.pem"));
    assert_eq!((finding.text.as_str(), finding.count), ("it ends today: renew it", 2));
    assert!(finding.since_ms > 0);
    notices.resolve("CERTIFICATE_EXPIRES", "broker.pem");
    assert!(reader.get_health().await.unwrap().healthy);
}

async fn work_that_nobody_listens_for_is_reported_after_a_while(backend: Backend) {
    let quick = |config: &mut apiary_broker::Config| config.executors.unattended_after = Duration::from_millis(200);
    let colony = TestColony::start_tuned(backend, quick).await;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    user.submit_json("t", "f", &()).await.unwrap();
    let finding = eventually("it is reported", async || {
        let findings = reader.get_health().await.unwrap().findings;
        findings.into_iter().find(|finding| finding.kind == "UNATTENDED_TYPE")
    })
    .await;
    assert_eq!((finding.subject.as_str(), finding.count), ("t", 2));
    // Somebody comes: it is over, although the second still waits.
    claim(&bee, "t", 1, Duration::ZERO).await;
    eventually("it is over", async || kinds(&reader).await.is_empty().then_some(())).await;
}

async fn only_readers_ask(colony: TestColony) {
    let user = colony.user("ada").await;
    assert_eq!(user.get_health().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
