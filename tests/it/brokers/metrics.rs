//! Metrics of a broker: what happened to processes, and what waits. That all of them are documented is held by tests of the program.

use std::time::Duration;

use apiary_identity::{KeyPair, OutcomeKind};
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

on_each_store!(
    what_becomes_of_processes_is_counted_by_executor_type,
    the_queue_is_shown_with_its_depth_and_age,
    refusals_are_counted_by_reason_also_in_a_batch,
    types_beyond_the_bound_share_a_series,
);

/// Returns the number of a series; 0 if there is none.
async fn number(colony: &TestColony, series: &str) -> f64 {
    let text = colony.supervisor().metrics().scrape().await;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

/// Waits until a series has this number: a scrape shows an instant of before.
async fn becomes(colony: &TestColony, series: &str, expected: f64) {
    apiary_tests::eventually(&format!("{series} is {expected}"), async || {
        (number(colony, series).await == expected).then_some(())
    })
    .await;
}

async fn what_becomes_of_processes_is_counted_by_executor_type(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    for _ in 0..3 {
        user.submit_json("t", "f", &()).await.unwrap();
    }
    let leases = claim(&bee, "t", 3, Duration::ZERO).await;
    bee.complete(&colony.success("bee", &leases[0], b"{}")).await.unwrap();
    bee.fail(&colony.failure("bee", &leases[1], OutcomeKind::FailedFinal, "no")).await.unwrap();
    bee.release(leases[2].process_id.parse().unwrap(), leases[2].attempt).await.unwrap();
    let again = claim(&bee, "t", 1, Duration::ZERO).await;
    bee.fail(&colony.failure("bee", &again[0], OutcomeKind::FailedRetryable, "busy")).await.unwrap();
    let attempts = |outcome| format!(r#"apiary_broker_attempts_total{{executor_type="t",outcome="{outcome}"}}"#);
    becomes(&colony, &attempts("failed"), 2.0).await;
    for (series, expected) in [
        (attempts("succeeded"), 1.0),
        (attempts("released"), 1.0),
        (r#"apiary_broker_submits_total{executor_type="t"}"#.to_owned(), 3.0),
        (r#"apiary_broker_retries_total{executor_type="t"}"#.to_owned(), 1.0),
        (r#"apiary_broker_dead_letters_total{executor_type="t"}"#.to_owned(), 1.0),
        // Four leases, of which each has waited and run.
        (r#"apiary_broker_wait_seconds_count{executor_type="t"}"#.to_owned(), 4.0),
        (r#"apiary_broker_run_seconds_count{executor_type="t"}"#.to_owned(), 4.0),
        (r#"apiary_broker_processes{state="succeeded"}"#.to_owned(), 1.0),
        (r#"apiary_broker_processes{state="dead_letter"}"#.to_owned(), 1.0),
    ] {
        assert_eq!(number(&colony, &series).await, expected, "{series}");
    }
    assert!(number(&colony, r#"apiary_broker_flush_items_sum{writer="submit writer"}"#).await >= 3.0);
    assert!(number(&colony, "apiary_broker_verification_seconds_count").await >= 6.0);
}

async fn the_queue_is_shown_with_its_depth_and_age(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    for executor_type in ["t", "t", "u"] {
        user.submit_json(executor_type, "f", &()).await.unwrap();
    }
    let depth = |of, state| format!(r#"apiary_broker_queue_processes{{executor_type="{of}",state="{state}"}}"#);
    becomes(&colony, &depth("t", "waiting"), 2.0).await;
    assert_eq!(number(&colony, &depth("u", "waiting")).await, 1.0);
    assert_eq!(number(&colony, r#"apiary_broker_processes{state="waiting"}"#).await, 3.0);
    claim(&bee, "t", 2, Duration::ZERO).await;
    becomes(&colony, &depth("t", "running"), 2.0).await;
    assert_eq!(number(&colony, &depth("t", "waiting")).await, 0.0, "a lane that is empty again is 0");
    let age = r#"apiary_broker_queue_oldest_seconds{executor_type="u",state="waiting"}"#;
    apiary_tests::eventually("the wait grows", async || (number(&colony, age).await > 0.3).then_some(())).await;
    let poll = tokio::spawn(async move { claim(&bee, "t", 1, Duration::from_secs(30)).await });
    becomes(&colony, r#"apiary_broker_polls_waiting{executor_type="t"}"#, 1.0).await;
    poll.abort();
    becomes(&colony, r#"apiary_broker_polls_waiting{executor_type="t"}"#, 0.0).await;
}

async fn refusals_are_counted_by_reason_also_in_a_batch(colony: TestColony) {
    let user = colony.user("ada").await;
    let stranger = colony.client(&KeyPair::generate());
    let refused = r#"apiary_broker_refusals_total{reason="NOT_PERMITTED"}"#;
    assert!(stranger.submit(&stranger.spec("t", "f")).await.is_err());
    becomes(&colony, refused, 1.0).await;
    let specs = [stranger.spec("t", "f"), stranger.spec("t", "f")];
    let answers = futures::future::join_all(specs.iter().map(|spec| stranger.submit(spec))).await;
    assert!(answers.iter().all(Result::is_err));
    becomes(&colony, refused, 3.0).await;
    user.submit_json("t", "f", &()).await.unwrap();
    assert_eq!(number(&colony, r#"apiary_broker_refusals_total{reason="SIGNATURE_INVALID"}"#).await, 0.0);
}

async fn types_beyond_the_bound_share_a_series(colony: TestColony) {
    let user = colony.user("ada").await;
    let types: Vec<String> = (0..140).map(|number| format!("type-{number}")).collect();
    let submits = types.iter().map(|executor_type| user.submit_json(executor_type, "f", &()));
    futures::future::try_join_all(submits).await.unwrap();
    becomes(&colony, r#"apiary_broker_submits_total{executor_type="other"}"#, 12.0).await;
    let text = colony.supervisor().metrics().scrape().await;
    let count =
        |name: &str, end: &str| text.lines().filter(|line| line.starts_with(name) && line.contains(end)).count();
    assert_eq!(count("apiary_broker_submits_total{", "executor_type="), 129);
    assert_eq!(count(r#"apiary_broker_queue_processes{executor_type="type-"#, r#"state="waiting"}"#), 128);
}
