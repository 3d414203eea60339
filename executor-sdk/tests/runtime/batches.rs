//! Submits and results that go together.
#![expect(clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{Client, ClientConfig, ClientError, Reason, Work};
use apiary_identity::{Envelope, Outcome, OutcomeKind, Spec};
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use crate::fake::refusal;
use crate::scene::{Running, Scene};

/// Makes the fake hold back the answers to submits until the returned token is cancelled.
fn hold_submits(scene: &Scene) -> CancellationToken {
    let hold = CancellationToken::new();
    scene.fake.state().hold_submits = Some(hold.clone());
    hold
}

/// Submits in the background.
fn submit(client: &Client, spec: &Spec) -> Submitting {
    let (client, spec) = (client.clone(), spec.clone());
    tokio::spawn(async move { client.submit(&spec).await.map(|submitted| submitted.process_id) })
}

/// Waits until this many calls that submit have come.
async fn submits(scene: &Scene, count: usize) {
    eventually("calls that submit", async || scene.fake.state().submits.len() == count).await;
}

/// A submit in the background.
type Submitting = JoinHandle<Result<Uuid, ClientError>>;

/// Begins a submit, whose answer is held back until the token is cancelled, and five more that wait for it.
async fn one_under_way_and_five_behind(scene: &Scene) -> (Submitting, Vec<Submitting>, CancellationToken) {
    let (client, hold) = (scene.client(), hold_submits(scene));
    let begin = || submit(&client, &client.spec("test", "f"));
    let first = begin();
    submits(scene, 1).await;
    (first, (0..5).map(|_| begin()).collect(), hold)
}

fn arrived(scene: &Scene) -> Vec<Uuid> {
    let submitted = scene.fake.state().submitted.clone();
    submitted.iter().map(|envelope| envelope.open::<Spec>().expect("a signed spec").process_id).collect()
}

#[tokio::test]
async fn what_is_submitted_while_a_call_is_under_way_goes_with_the_next_each_once() {
    let scene = Scene::new();
    let (client, hold) = (scene.client(), hold_submits(&scene));
    let specs: Vec<_> = (0..50).map(|_| client.spec("test", "f")).collect();
    let first = submit(&client, &specs[0]);
    submits(&scene, 1).await;
    let mut others: Vec<_> = specs[1..].iter().map(|spec| submit(&client, spec)).collect();
    // An invalid spec is refused at once, although a call is under way.
    let mut invalid = client.spec("test", "f");
    invalid.priority = i32::MAX;
    assert!(matches!(client.submit(&invalid).await, Err(ClientError::Invalid(_))));
    assert!(!first.is_finished());
    hold.cancel();
    others.insert(0, first);
    for (spec, submitted) in specs.iter().zip(others) {
        assert_eq!(submitted.await.unwrap().unwrap(), spec.process_id);
    }
    assert_eq!(arrived(&scene), specs.iter().map(|spec| spec.process_id).collect::<Vec<_>>());
    assert_eq!(scene.fake.state().submits, [1, 49]);
}

#[tokio::test]
async fn one_refused_among_many_affects_no_other_and_its_refusal_is_that_of_a_single_call() {
    let scene = Scene::new();
    let client = scene.client();
    scene.fake.state().refused_function = Some("bad");
    let alone = client.submit(&client.spec("test", "bad")).await.unwrap_err();
    let hold = hold_submits(&scene);
    let first = submit(&client, &client.spec("test", "f"));
    submits(&scene, 2).await;
    let rest: Vec<_> =
        (0..9).map(|n| submit(&client, &client.spec("test", if n == 4 { "bad" } else { "f" }))).collect();
    tokio::task::yield_now().await;
    hold.cancel();
    first.await.unwrap().unwrap();
    let mut answers: Vec<_> = join_all(rest).await.into_iter().map(Result::unwrap).collect();
    let refused = answers.remove(4).unwrap_err();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(format!("{refused:?}"), format!("{alone:?}"));
    assert!(refused.is(&Reason::Overloaded) && refused.is_retryable());
    assert_eq!(refused.retry_after(), Duration::from_millis(1500));
    assert_eq!(scene.fake.state().submits, [1, 1, 9]);
}

#[tokio::test]
async fn a_failure_that_can_pass_of_the_whole_call_is_told_to_all() {
    let scene = Scene::new();
    let (first, rest, hold) = one_under_way_and_five_behind(&scene).await;
    let away = refusal(Code::Unavailable, "UNAVAILABLE", true);
    scene.fake.state().submit_refusals.extend([away.clone(), away]);
    hold.cancel();
    assert!(first.await.unwrap().unwrap_err().is(&Reason::Unavailable));
    for one in rest {
        assert!(one.await.unwrap().unwrap_err().is(&Reason::Unavailable));
    }
    assert_eq!((arrived(&scene).len(), scene.fake.state().submits.clone()), (0, vec![1, 5]));
}

#[tokio::test]
async fn a_final_refusal_of_the_whole_call_is_held_against_no_spec() {
    let scene = Scene::new();
    let (first, rest, hold) = one_under_way_and_five_behind(&scene).await;
    let too_large = || refusal(Code::OutOfRange, "TOO_LARGE", false);
    // For the first, for the batch of the others, and for one of them when they go alone.
    let away = refusal(Code::Unavailable, "UNAVAILABLE", true);
    scene.fake.state().submit_refusals.extend([away, too_large(), too_large()]);
    hold.cancel();
    first.await.unwrap().unwrap_err();
    let answers: Vec<_> = join_all(rest).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4, "{answers:?}");
    assert_eq!(scene.fake.state().submits, [1, 5, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_caller_that_goes_away_or_waits_too_long_cancels_no_other() {
    let scene = Scene::new();
    let (client, hold) = (scene.client(), hold_submits(&scene));
    let specs: Vec<_> = (0..4).map(|_| client.spec("test", "f")).collect();
    let alone = submit(&client, &specs[0]);
    submits(&scene, 1).await;
    let first = submit(&client, &specs[1]);
    submits(&scene, 2).await;
    let (second, third) = (submit(&client, &specs[2]), submit(&client, &specs[3]));
    tokio::task::yield_now().await;
    // Two are on their way, and arrive nevertheless; the second of those that go together is not, and stays.
    alone.abort();
    first.abort();
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    hold.cancel();
    assert_eq!(third.await.unwrap().unwrap(), specs[3].process_id);
    assert_eq!(arrived(&scene), [specs[0].process_id, specs[1].process_id, specs[3].process_id]);
}

#[tokio::test]
async fn the_call_timeout_counts_from_each_callers_call() {
    let scene = Scene::new();
    let config = ClientConfig::new(scene.client().address().clone()).call_timeout(Duration::from_millis(300));
    let key = scene.submitter.clone();
    let client = Client::new(&config, scene.colony.id(), key, Arc::clone(scene.client().clock())).unwrap();
    let hold = hold_submits(&scene);
    let answers = join_all((0..4).map(|_| submit(&client, &client.spec("test", "f")))).await;
    for answer in answers {
        assert!(matches!(answer.unwrap(), Err(ClientError::Timeout { .. })));
    }
    hold.cancel();
    client.submit(&client.spec("test", "f")).await.unwrap();
}

#[tokio::test]
async fn a_full_executor_claims_the_next_work_with_its_results() {
    let scene = Scene::new();
    let specs: Vec<Uuid> = (0..20).map(|_| scene.hand_out("f", "1")).collect();
    let running =
        Running::new(scene.executor().slots(1).handle("f", async |_: Work| Ok(())).build().expect("an executor"));
    eventually("all results", async || scene.fake.outcomes().len() == specs.len()).await;
    running.stop().await;
    let ended: Vec<Uuid> = scene.fake.outcomes().iter().map(|outcome| outcome.process_id).collect();
    assert_eq!(ended, specs, "one after the other");
    let state = scene.fake.state();
    // The first has no results to go with, and the last waits for more work.
    assert!(state.claims.len() <= 2, "{} claims of their own", state.claims.len());
    assert!(state.results.iter().all(|(method, _)| *method == "Claim"));
    assert_eq!(state.releases.len(), 0);
}

#[tokio::test]
async fn work_that_was_claimed_with_results_while_the_executor_stops_is_given_back_or_done() {
    let scene = Scene::new();
    let specs: Vec<Uuid> = (0..40).map(|_| scene.hand_out("f", "1")).collect();
    let running =
        Running::new(scene.executor().slots(2).handle("f", async |_: Work| Ok(())).build().expect("an executor"));
    eventually("some results", async || scene.fake.outcomes().len() > 3).await;
    running.stop().await;
    let state = scene.fake.state();
    let mut accounted: BTreeSet<String> =
        state.results.iter().map(|(_, result)| open(result).process_id.to_string()).collect();
    accounted.extend(state.releases.iter().map(|release| release.process_id.clone()));
    accounted.extend(state.queue.iter().map(|lease| lease.process_id.clone()));
    assert_eq!(
        accounted,
        specs.iter().map(Uuid::to_string).collect(),
        "each is done, released or was never handed out"
    );
}

fn open(result: &Envelope) -> Outcome {
    result.open().expect("a signed result")
}

/// Runs 200 works whose handlers end at the same moment, and returns the scene once all results have come.
async fn two_hundred(prepare: impl FnOnce(&Scene)) -> (Scene, Vec<(&'static str, Envelope)>) {
    let scene = Scene::new();
    prepare(&scene);
    let specs: BTreeSet<Uuid> = (0..200).map(|_| scene.hand_out("f", "1")).collect();
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opened, count) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = move |_: Work| {
        let (gate, begun) = (Arc::clone(&opened), Arc::clone(&count));
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            let _closed = gate.acquire().await;
            Ok(())
        }
    };
    let running = Running::new(scene.executor().slots(256).handle("f", handler).build().expect("an executor"));
    eventually("all run at the same time", async || begun.load(Ordering::SeqCst) == 200).await;
    gate.close();
    let ended = || -> BTreeSet<Uuid> { scene.fake.outcomes().iter().map(|outcome| outcome.process_id).collect() };
    eventually("all results", async || ended() == specs).await;
    running.stop().await;
    assert!(scene.fake.outcomes().iter().all(|outcome| outcome.outcome == OutcomeKind::Succeeded));
    let results = scene.fake.state().results.clone();
    (scene, results)
}

#[tokio::test]
async fn two_hundred_works_that_end_together_are_reported_together_each_once() {
    let (scene, results) = two_hundred(|_| {}).await;
    assert_eq!(results.len(), 200);
    let batches = scene.fake.state().end_batches.clone();
    let alone = results.iter().filter(|(method, _)| *method == "Complete").count();
    assert_eq!(batches.iter().sum::<usize>() + alone, 200);
    assert!(batches.len() + alone < 50, "{batches:?} and {alone} alone");
}

#[tokio::test]
async fn results_whose_answer_was_lost_are_sent_again_the_very_same() {
    let (_scene, results) = two_hundred(|scene| scene.fake.state().end_breaks = 1).await;
    let envelopes: BTreeSet<Vec<u8>> = results.iter().map(|(_, envelope)| envelope.to_json()).collect();
    assert!(results.len() > 200, "some were sent again");
    assert_eq!(envelopes.len(), 200, "and no process had two different results");
}

#[tokio::test]
async fn a_final_refusal_of_a_batch_ends_no_attempt_as_a_failure() {
    let too_large = || refusal(Code::OutOfRange, "TOO_LARGE", false);
    let (scene, results) = two_hundred(|scene| scene.fake.state().end_refusal = Some(too_large())).await;
    assert_eq!(results.len(), 200);
    assert!(!scene.fake.state().end_batches.is_empty());
}
