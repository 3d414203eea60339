//! Work that succeeds, and work whose handler fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{CancellationToken, ClientError, Failure, LogLevel, Output, Work};
use apiary_identity::limits::CONTENT_BYTES_MAX;
use apiary_identity::{Offer, Outcome, OutcomeKind};
use futures::FutureExt as _;

use crate::fake::refusal;
use crate::scene::{Running, Scene};

/// Runs a handler on a process, and returns the only outcome.
async fn outcome_of<F, O>(handler: impl Fn(Work) -> F + Send + Sync + 'static) -> Outcome
where
    F: Future<Output = Result<O, Failure>> + Send + 'static,
    O: apiary_executor_sdk::IntoOutput + 'static,
{
    let scene = Scene::new();
    let process_id = scene.hand_out("f", "1");
    let running =
        Running::new(scene.executor().handle("f", handler).build().unwrap_or_else(|error| unreachable!("{error}")));
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    let mut outcomes = scene.fake.outcomes();
    assert_eq!(outcomes.len(), 1);
    let outcome = outcomes.remove(0);
    assert_eq!(outcome.process_id, process_id);
    outcome
}

#[tokio::test]
async fn work_is_done_and_its_result_signed() {
    let scene = Scene::new();
    let mut spec = scene.spec("add", "[1, 2]");
    spec.env.insert("unit".to_owned(), "m".to_owned());
    spec.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    let lease = scene.lease(&spec);
    scene.fake.hand_out(lease.clone());
    let add = |(a, b): (i64, i64), work: Work| async move {
        assert_eq!(work.args().as_ref(), b"[1, 2]", "arguments come byte by byte");
        assert_eq!((work.attempt(), work.retries_left()), (1, Some(3)));
        assert_eq!(work.submitter().name, "submitter");
        let unit = work.env("unit").unwrap_or_default().to_owned();
        Ok((a + b, unit, work.traceparent().unwrap_or_default().len()))
    };
    let running = Running::new(scene.executor().handle_json("add", add).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;

    let (method, result) = scene.fake.state().results[0].clone();
    assert_eq!((method, result.key_id), ("Complete", scene.executor.id()));
    let outcome: Outcome = result.open().unwrap();
    assert_eq!(outcome.outcome, OutcomeKind::Succeeded);
    assert_eq!((outcome.process_id, outcome.attempt, outcome.colony), (spec.process_id, 1, scene.colony.id()));
    let signed = apiary_executor_sdk::wire::envelope_from_proto(&lease.spec.unwrap()).unwrap();
    assert_eq!(outcome.spec_digest, signed.digest());
    assert_eq!(outcome.output().to_bytes().unwrap().as_ref(), br#"[3,"m",55]"#);
}

#[tokio::test]
async fn output_of_any_bytes_comes_home_byte_by_byte() {
    let outcome = outcome_of(|_| async { Ok(Output::bytes(vec![0, 255, b'"', 10])) }).await;
    assert_eq!(outcome.output().to_bytes().unwrap().as_ref(), &[0, 255, b'"', 10]);
}

#[tokio::test]
async fn a_failure_says_whether_and_when_to_try_again() {
    let after = Duration::from_secs(7);
    let busy = move |_| async move { Err::<(), _>(Failure::retryable("busy\0").retry_after(after)) };
    let outcome = outcome_of(busy).await;
    assert_eq!((outcome.outcome, outcome.retry_after_ms), (OutcomeKind::FailedRetryable, Some(7000)));
    assert_eq!(outcome.failure.as_deref(), Some("busy\u{fffd}"));

    let outcome = outcome_of(move |_| async move { Err::<(), _>(Failure::fatal("").retry_after(after)) }).await;
    assert_eq!((outcome.outcome, outcome.retry_after_ms), (OutcomeKind::FailedFinal, None));
    assert_eq!(outcome.failure.as_deref(), Some("the handler gave no reason"));
}

#[tokio::test]
async fn a_panic_is_a_retryable_failure_and_the_executor_goes_on() {
    let scene = Scene::new();
    let handler = |work: Work| {
        assert_ne!(work.args().as_ref(), b"1", "not even a future");
        async move {
            assert_ne!(work.args().as_ref(), b"2", "too odd");
            Ok(())
        }
    };
    for args in ["1", "2", "3"] {
        scene.hand_out("f", args);
    }
    let running = Running::new(scene.executor().slots(1).handle("f", handler).build().unwrap());
    eventually("three results", async || scene.fake.state().results.len() == 3).await;
    running.stop().await;
    let outcomes = scene.fake.outcomes();
    for (outcome, words) in outcomes.iter().zip(["not even a future", "too odd"]) {
        assert_eq!(outcome.outcome, OutcomeKind::FailedRetryable);
        let failure = outcome.failure.clone().unwrap();
        assert!(failure.contains("panicked") && failure.contains(words), "{failure}");
    }
    assert_eq!(outcomes[2].outcome, OutcomeKind::Succeeded);
}

#[tokio::test]
async fn a_loop_of_the_executor_that_panics_goes_on_and_the_work_in_hand_with_it() {
    let scene = Scene::new();
    let (go_on, is_told) = (CancellationToken::new(), CancellationToken::new());
    let (waits, told) = (go_on.clone(), is_told.clone());
    let handler = move |work: Work| {
        let (waits, told) = (waits.clone(), told.clone());
        async move {
            if work.args().as_ref() == b"1" {
                told.cancel();
                waits.cancelled().await;
            }
            work.log(LogLevel::Info, "done");
            Ok(())
        }
    };
    let executor = scene.executor().slots(4).handle("f", handler).build().unwrap();
    let tasks = &scene.supervisor;
    scene.hand_out("f", "1");
    let running = Running::new(executor);
    is_told.cancelled().await;
    assert_eq!(tasks.names(), ["claims", "heartbeats", "reports", "rules"]);
    // One claim was answered with the first lease, and the next waits.
    let mut claims = 2;
    for (name, count) in tasks.names().into_iter().zip(1..) {
        // The fake broker, unlike a real one, would hand the lease to a claim whose connection is about to be closed.
        eventually("a claim waits", async || scene.fake.state().claims.len() >= claims).await;
        tasks.sabotage(name);
        let is_reported = async || tasks.notices().list().iter().any(|notice| notice.subject == name);
        eventually("the panic is reported", is_reported).await;
        claims += usize::from(name == "claims");
        eventually("it claims again", async || scene.fake.state().claims.len() >= claims).await;
        scene.hand_out("f", "2");
        claims += 1;
        eventually("the next is done", async || scene.fake.state().results.len() == count).await;
    }
    go_on.cancel();
    eventually("the first is done", async || scene.fake.state().results.len() == 5).await;
    running.stop().await;
    assert!(scene.fake.outcomes().iter().all(|outcome| outcome.outcome == OutcomeKind::Succeeded));
}

#[tokio::test]
async fn an_executor_whose_loop_panics_again_and_again_ends_with_an_error() {
    let scene = Scene::new();
    let executor = scene.executor().handle("f", |_| async { Ok(()) }).build().unwrap();
    let tasks = &scene.supervisor;
    let running = Running::new(executor);
    eventually("it claims", async || !scene.fake.state().claims.is_empty()).await;
    let problem = eventually("the executor gives up", async || {
        tasks.sabotage("claims");
        tasks.failed().now_or_never()
    })
    .await;
    let error = running.ended().await.unwrap_err();
    assert!(matches!(&error, ClientError::Broken(words) if *words == problem), "{error}");
}

#[tokio::test]
async fn output_that_is_too_large_fails_for_good_and_says_so() {
    let outcome = outcome_of(|_| async { Ok(Output::bytes(vec![7; CONTENT_BYTES_MAX + 1])) }).await;
    assert_eq!(outcome.outcome, OutcomeKind::FailedFinal);
    assert!(outcome.failure.unwrap().contains(&format!("{} bytes", CONTENT_BYTES_MAX + 1)));
}

#[tokio::test]
async fn a_result_is_sent_again_the_very_same_until_it_is_taken() {
    let scene = Scene::new();
    let away = || refusal(tonic::Code::Unavailable, "UNAVAILABLE", true);
    scene.fake.state().result_refusals.extend([away(), away()]);
    scene.hand_out("f", "1");
    let running = Running::new(scene.executor().handle("f", |_| async { Ok(1) }).build().unwrap());
    eventually("three tries", async || scene.fake.state().results.len() == 3).await;
    running.stop().await;
    let results = scene.fake.state().results.clone();
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(results.len(), 3);
}

#[tokio::test]
async fn a_result_that_the_broker_finds_too_large_becomes_a_failure() {
    let scene = Scene::new();
    scene.fake.state().result_refusals.push_back(refusal(tonic::Code::InvalidArgument, "TOO_LARGE", false));
    scene.hand_out("f", "1");
    let running = Running::new(scene.executor().handle("f", |_| async { Ok("long") }).build().unwrap());
    eventually("two results", async || scene.fake.state().results.len() == 2).await;
    running.stop().await;
    let outcomes = scene.fake.outcomes();
    assert_eq!(outcomes[1].outcome, OutcomeKind::FailedFinal);
    assert!(outcomes[1].failure.clone().unwrap().contains("cannot be sent"));
}

#[tokio::test]
async fn handlers_never_outnumber_slots_and_claims_ask_for_what_is_free() {
    let scene = Scene::new();
    for _ in 0..30 {
        scene.hand_out("f", "1");
    }
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    let handler = move |_| {
        let (now, most) = (Arc::clone(&counted), Arc::clone(&highest));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Work that takes time, so that handlers overlap.
            tokio::time::sleep(Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    };
    let running = Running::new(scene.executor().slots(3).handle("f", handler).build().unwrap());
    eventually("thirty results", async || scene.fake.state().results.len() == 30).await;
    running.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    let state = scene.fake.state();
    assert_eq!(state.claims[0].count_max, 3);
    assert!(state.claims.iter().all(|claim| (1..=3).contains(&claim.count_max) && claim.lease_ms == 6000));
}

#[tokio::test]
async fn an_executor_says_with_each_claim_what_it_has() {
    let scene = Scene::new();
    let offer = Offer {
        cpu: Some("1.5".parse().unwrap()),
        memory: Some("10GB".parse().unwrap()),
        gpus: Some(2),
        gpu_memory: Some("16Gi".parse().unwrap()),
        location: Some("lund".to_owned()),
        tags: ["ocr".to_owned(), "cuda".to_owned()].into(),
    };
    let builder = scene.executor().offer(offer).handle("f", |_: Work| async { Ok(Output::none()) });
    let running = Running::new(builder.build().unwrap());
    eventually("a claim", async || !scene.fake.state().claims.is_empty()).await;
    running.stop().await;
    let offered = scene.fake.state().claims[0].offer.clone().unwrap();
    assert_eq!((offered.cpu.as_str(), offered.memory.as_str(), offered.gpus), ("1500m", "10G", 2));
    assert_eq!((offered.gpu_memory.as_str(), offered.location.as_str()), ("16Gi", "lund"));
    assert_eq!(offered.tags, ["cuda", "ocr"]);
}

#[tokio::test]
async fn an_offer_that_no_broker_takes_is_refused_when_the_executor_is_built() {
    let offer = Offer { gpu_memory: Some("16Gi".parse().unwrap()), ..Offer::default() };
    let builder = Scene::new().executor().offer(offer).handle("f", |_: Work| async { Ok(Output::none()) });
    let words = builder.build().unwrap_err().to_string();
    assert!(words.contains("gpu_memory"), "{words}");
}
