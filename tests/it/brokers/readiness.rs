//! Readiness is the ability to write: a commit of the last seconds proves it, and only without one does the check
//! itself write.

use std::time::Duration;

use apiary_tests::{Backend, TestColony, eventually};
use serde_json::Value;
use tokio::time::Instant;

/// Seconds for which a commit proves that the database accepts writes.
const PROOF_S: u64 = 5;
/// Time longer than the validity of such a proof.
const LONGER: Duration = Duration::from_secs(PROOF_S + 2);

on_each_store!(
    a_commit_of_the_last_seconds_is_proof_enough_and_without_one_only_the_question_writes,
    a_database_that_takes_no_writes_is_not_ready_and_says_so,
    a_broker_that_is_not_ready_is_in_the_health_of_its_colonies_until_it_is
);

/// Adds triggers to the database that count the writes of readiness checks.
async fn count_proofs(backend: &Backend) {
    backend.execute("CREATE TABLE proofs (number BIGINT)").await;
    let statements: &[&str] = match backend.kind() {
        "sqlite" => &[
            "CREATE TRIGGER proof_added AFTER INSERT ON readiness BEGIN INSERT INTO proofs VALUES (1); END",
            "CREATE TRIGGER proof_changed AFTER UPDATE ON readiness BEGIN INSERT INTO proofs VALUES (1); END",
        ],
        _ => &[
            "CREATE FUNCTION count_proof() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO apiary.proofs VALUES (1); RETURN NULL; END'",
            "CREATE TRIGGER proof AFTER INSERT OR UPDATE ON readiness FOR EACH ROW EXECUTE FUNCTION count_proof()",
        ],
    };
    for statement in statements {
        backend.execute(statement).await;
    }
}

async fn proofs(backend: &Backend) -> i64 {
    backend.number("SELECT count(*) FROM proofs").await
}

async fn ask(colony: &TestColony) -> (u16, Value) {
    let answer = apiary_tests::http().get(format!("http://{}/readyz", colony.address())).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn a_commit_of_the_last_seconds_is_proof_enough_and_without_one_only_the_question_writes(colony: TestColony) {
    let user = colony.user("ada").await;
    count_proofs(&colony.backend).await;
    // For longer than an answer or a proof is cached: each check follows a recent commit.
    let end = Instant::now() + LONGER;
    while Instant::now() < end {
        user.submit_json("t", "f", &()).await.unwrap();
        assert_eq!(ask(&colony).await.0, 200);
    }
    assert_eq!(proofs(&colony.backend).await, 0, "work proves it");

    // From now on, only readiness checks commit.
    let asked = eventually("the question writes", async || {
        assert_eq!(ask(&colony).await.0, 200);
        Some(proofs(&colony.backend).await).filter(|count| *count > 0)
    });
    assert_eq!(asked.await, 1, "one write serves all who ask within the next seconds");
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&colony).await.0, 200);
    }
    let most = 1 + i64::try_from(begun.elapsed().as_secs() / PROOF_S).unwrap();
    assert!(proofs(&colony.backend).await <= most, "at most one in that time");

    // Other calls cause no write, however long nothing else happens.
    let (before, quiet) = (proofs(&colony.backend).await, Instant::now() + LONGER);
    while Instant::now() < quiet {
        let answer = apiary_tests::http().get(format!("http://{}/healthz", colony.address())).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        // The pace of the questions, in a time in which nothing must happen.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(proofs(&colony.backend).await, before, "an idle broker does not write");
    assert_eq!(ask(&colony).await.0, 200);
    assert_eq!(proofs(&colony.backend).await, before + 1);
}

/// Makes the database refuse the writes of readiness checks.
async fn refuse_proofs(backend: &Backend) {
    let refuse: &[&str] = match backend.kind() {
        "sqlite" => &[
            "CREATE TRIGGER no_insert BEFORE INSERT ON readiness BEGIN SELECT RAISE(ABORT, 'the disk is in flames'); END",
            "CREATE TRIGGER no_update BEFORE UPDATE ON readiness BEGIN SELECT RAISE(ABORT, 'the disk is in flames'); END",
        ],
        _ => &[
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''the disk is in flames''; END'",
            "CREATE TRIGGER no_write BEFORE INSERT OR UPDATE ON readiness FOR EACH ROW EXECUTE FUNCTION refuse()",
        ],
    };
    for statement in refuse {
        backend.execute(statement).await;
    }
}

/// Makes the database accept them again.
async fn take_proofs(backend: &Backend) {
    let remedy: &[&str] = match backend.kind() {
        "sqlite" => &["DROP TRIGGER no_insert", "DROP TRIGGER no_update"],
        _ => &["DROP TRIGGER no_write ON readiness"],
    };
    for statement in remedy {
        backend.execute(statement).await;
    }
}

async fn a_database_that_takes_no_writes_is_not_ready_and_says_so(colony: TestColony) {
    refuse_proofs(&colony.backend).await;
    let words = eventually("it is not ready", async || {
        let (status, body) = ask(&colony).await;
        assert_eq!(body["ready"], status == 200, "{body}");
        (status == 503).then(|| body["reason"].as_str().unwrap_or_default().to_owned())
    });
    let words = words.await;
    assert!(words.contains("the disk is in flames"), "{words}");
    take_proofs(&colony.backend).await;
    eventually("it is ready again", async || (ask(&colony).await.0 == 200).then_some(())).await;
}

async fn a_broker_that_is_not_ready_is_in_the_health_of_its_colonies_until_it_is(colony: TestColony) {
    let reader = colony.reader().await;
    let health = async || reader.get_health().await.unwrap();
    assert!(health().await.healthy);
    refuse_proofs(&colony.backend).await;
    // No readiness page was requested meanwhile, so that health finds it by itself.
    let found = eventually("health tells of it", async || {
        let answer = health().await;
        assert_eq!(answer.healthy, answer.findings.is_empty());
        answer.findings.into_iter().next()
    });
    let found = found.await;
    assert_eq!((found.kind.as_str(), found.subject.as_str(), found.count), ("BROKER_NOT_READY", "", 1));
    let (status, page) = ask(&colony).await;
    assert_eq!(status, 503);
    let reason = page["reason"].as_str().unwrap();
    assert!(found.text.contains(reason) && found.text.contains("the disk is in flames"), "{found:?}: {page}");
    assert!(found.text.contains("/readyz"), "{found:?}");
    assert!(!reader.is_ready().await.unwrap());
    take_proofs(&colony.backend).await;
    eventually("it is over", async || health().await.healthy.then_some(())).await;
    assert!(reader.is_ready().await.unwrap());
}
