//! Results of attempts.

use apiary_identity::limits::{DURATION_MAX_MS, FAILURE_BYTES_MAX};
use apiary_identity::{Document as _, Outcome, OutcomeKind};
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, refusal, seal, value};

const FAILURES: [OutcomeKind; 4] =
    [OutcomeKind::FailedRetryable, OutcomeKind::FailedFinal, OutcomeKind::Refused, OutcomeKind::Cancelled];

fn failed(kind: OutcomeKind, words: &str) -> Outcome {
    let scene = Scene::new();
    let spec = seal(&scene.user, &scene.spec());
    let done = scene.outcome(&spec);
    Outcome::failed(done.colony, done.process_id, 1, spec.digest(), scene.now, kind, words)
}

fn succeeded() -> Value {
    let scene = Scene::new();
    value(&scene.outcome(&seal(&scene.user, &scene.spec())))
}

#[test]
fn a_failure_says_why_and_a_success_does_not() {
    for kind in FAILURES {
        let outcome = failed(kind, "the card was declined");
        assert_eq!(Outcome::from_json(&outcome.to_json().unwrap()).unwrap().outcome, kind);
        let mut json = value(&outcome);
        json.as_object_mut().unwrap().remove("failure");
        assert!(refusal::<Outcome>(json.to_string()).contains("`failure` is missing: say in a sentence"));
    }
    assert_refused::<Outcome>(&succeeded(), "failure", json!("but"), "`failure` belongs to a failure");
}

#[test]
fn an_outcome_is_one_of_five_words() {
    for bad in [json!("success"), json!("Succeeded"), json!({ "succeeded": null }), json!(0), json!("")] {
        assert_refused::<Outcome>(&succeeded(), "outcome", bad, "not valid");
    }
    let words = refusal::<Outcome>(with(&succeeded(), "outcome", json!("done")));
    assert!(words.contains("`succeeded`, `failed_retryable`, `failed_final`, `refused` or `cancelled`"), "{words}");
    for kind in FAILURES.into_iter().chain([OutcomeKind::Succeeded]) {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
    }
}

#[test]
fn attempts_count_from_one() {
    for bad in [0, -1, i64::from(i32::MIN)] {
        assert_refused::<Outcome>(&succeeded(), "attempt", json!(bad), "`attempt` counts from 1");
    }
    for bad in [json!(i64::from(i32::MAX) + 1), json!(1.0), json!("1"), json!(null)] {
        assert_refused::<Outcome>(&succeeded(), "attempt", bad, "not valid");
    }
    assert!(Outcome::from_json(with(&succeeded(), "attempt", json!(i32::MAX)).as_bytes()).is_ok());
}

#[test]
fn long_words_are_cut_where_a_character_ends() {
    for words in ["x".repeat(FAILURE_BYTES_MAX + 1), "ä".repeat(FAILURE_BYTES_MAX), "€".repeat(FAILURE_BYTES_MAX)] {
        let outcome = failed(OutcomeKind::FailedFinal, &words);
        let kept = outcome.failure.clone().unwrap();
        assert!(words.starts_with(&kept) && kept.len() > FAILURE_BYTES_MAX - 3);
        assert!(outcome.to_json().is_ok());
    }
    let json = value(&failed(OutcomeKind::FailedFinal, "x"));
    assert_refused::<Outcome>(&json, "failure", json!("x".repeat(4097)), "`failure` has 4097 bytes, the most is 4096");
}

#[test]
fn words_with_a_nul_reach_the_broker_all_the_same() {
    let outcome = failed(OutcomeKind::FailedFinal, &format!("{}\0 bad byte", "x".repeat(FAILURE_BYTES_MAX - 2)));
    assert!(outcome.to_json().is_ok());
    let outcome = failed(OutcomeKind::FailedFinal, "bad \0 byte");
    assert_eq!(outcome.failure.as_deref(), Some("bad \u{fffd} byte"));
    assert_refused::<Outcome>(&value(&outcome), "failure", json!("bad \0 byte"), "NUL");
}

#[test]
fn only_a_failure_worth_a_retry_says_when() {
    let json = value(&failed(OutcomeKind::FailedRetryable, "busy"));
    for good in [0, DURATION_MAX_MS] {
        assert!(Outcome::from_json(with(&json, "retry_after_ms", json!(good)).as_bytes()).is_ok());
    }
    for bad in [-1, DURATION_MAX_MS + 1] {
        assert_refused::<Outcome>(&json, "retry_after_ms", json!(bad), "`retry_after_ms`");
    }
    assert_refused::<Outcome>(&succeeded(), "retry_after_ms", json!(1), "`retry_after_ms`");
    for kind in [OutcomeKind::FailedFinal, OutcomeKind::Refused, OutcomeKind::Cancelled] {
        assert_refused::<Outcome>(&value(&failed(kind, "no")), "retry_after_ms", json!(1), "`retry_after_ms`");
    }
}

#[test]
fn a_digest_has_one_spelling() {
    let good = succeeded();
    let digest = good["spec_digest"].as_str().unwrap().to_owned();
    for bad in [String::new(), digest[1..].to_owned(), format!("{digest}0"), "g".repeat(64), "AB".repeat(32)] {
        assert_refused::<Outcome>(&good, "spec_digest", json!(bad), "64 lower-case hexadecimal");
    }
}

#[test]
fn an_output_has_the_bounds_of_arguments() {
    let mut json = succeeded();
    assert_refused::<Outcome>(&json, "output_base64", json!(""), "exclude each other");
    assert_refused::<Outcome>(&json, "output", json!("x".repeat(1024 * 1024)), "`output` has 1048578 bytes");
    json.as_object_mut().unwrap().remove("output");
    assert_refused::<Outcome>(&json, "output_base64", json!("?"), "`output_base64`");
    let deep = succeeded().to_string().replacen("\"done\"", &format!("{}{}", "[".repeat(128), "]".repeat(128)), 1);
    assert!(refusal::<Outcome>(deep).contains("send it as `output_base64`"));
}

fn with(good: &Value, field: &str, changed: Value) -> String {
    let mut json = good.clone();
    json[field] = changed;
    json.to_string()
}
