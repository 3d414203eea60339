//! Shutdown of an executor.

use std::time::Duration;

use apiary_executor_sdk::Work;
use apiary_executor_sdk::testing::eventually;
use apiary_identity::OutcomeKind;
use nix::sys::signal::{Signal, raise};
use tokio_util::sync::CancellationToken;

use crate::scene::{Running, Scene};

#[tokio::test]
async fn work_in_hand_is_finished_and_no_more_is_claimed() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let (started, finish) = (CancellationToken::new(), CancellationToken::new());
    let tokens = (started.clone(), finish.clone());
    let handler = move |_| {
        let (started, finish) = tokens.clone();
        async move {
            started.cancel();
            finish.cancelled().await;
            Ok(())
        }
    };
    let running = Running::new(scene.executor().slots(1).handle("f", handler).build().unwrap());
    started.cancelled().await;
    running.shutdown.cancel();
    scene.hand_out("f", "2");
    finish.cancel();
    running.ended().await.unwrap();
    assert_eq!(scene.fake.outcomes().len(), 1);
    let state = scene.fake.state();
    assert_eq!((state.claims.len(), state.queue.len(), state.releases.len()), (1, 1, 0));
}

#[tokio::test]
async fn work_that_does_not_finish_in_time_is_cancelled_and_given_back() {
    let scene = Scene::new();
    let process_id = scene.hand_out("f", "1");
    let started = CancellationToken::new();
    let signal = started.clone();
    let handler = move |work: Work| {
        let started = signal.clone();
        async move {
            started.cancel();
            work.cancelled().await;
            Err::<(), _>(apiary_executor_sdk::Failure::retryable("stopped"))
        }
    };
    let executor = scene.executor().drain_timeout(Duration::ZERO).handle("f", handler).build().unwrap();
    let running = Running::new(executor);
    started.cancelled().await;
    running.stop().await;
    let state = scene.fake.state();
    assert!(state.results.is_empty(), "no retry is spent on a stop");
    assert_eq!(state.releases.len(), 1);
    assert_eq!((state.releases[0].process_id.as_str(), state.releases[0].attempt), (&*process_id.to_string(), 1));
}

#[tokio::test]
async fn work_that_finishes_at_the_last_moment_is_reported() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let started = CancellationToken::new();
    let signal = started.clone();
    let handler = move |work: Work| {
        let started = signal.clone();
        async move {
            started.cancel();
            work.cancelled().await;
            Ok("in time")
        }
    };
    let executor = scene.executor().drain_timeout(Duration::ZERO).handle("f", handler).build().unwrap();
    let running = Running::new(executor);
    started.cancelled().await;
    running.stop().await;
    assert_eq!(scene.fake.outcomes()[0].outcome, OutcomeKind::Succeeded);
    assert!(scene.fake.state().releases.is_empty());
}

#[tokio::test]
async fn work_that_arrives_while_stopping_is_given_back() {
    let scene = Scene::new();
    let answer = CancellationToken::new();
    scene.fake.state().hold_claims = Some(answer.clone());
    let process_id = scene.hand_out("f", "1");
    let handler = |_| async { Ok("must not run") };
    let running = Running::new(scene.executor().handle("f", handler).build().unwrap());
    eventually("the broker leased it", async || scene.fake.state().queue.is_empty()).await;
    running.shutdown.cancel();
    answer.cancel();
    running.ended().await.unwrap();
    let state = scene.fake.state();
    assert!(state.results.is_empty());
    assert_eq!(state.releases.len(), 1);
    assert_eq!(state.releases[0].process_id, process_id.to_string());
}

#[tokio::test]
async fn an_idle_executor_stops_at_once() {
    let scene = Scene::new();
    let running = Running::new(scene.executor().handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("a claim", async || !scene.fake.state().claims.is_empty()).await;
    let stopping = std::time::Instant::now();
    running.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(5), "a long poll of 20 s must not hold it");
}

#[tokio::test]
async fn an_executor_without_a_broker_stops_at_once() {
    let mut scene = Scene::new();
    scene.kill().await;
    let running = Running::new(scene.executor().handle("f", |_| async { Ok(()) }).build().unwrap());
    running.stop().await;
}

#[tokio::test]
async fn sigterm_stops_claiming_and_finishes_work_in_hand() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let finish = CancellationToken::new();
    let until = finish.clone();
    let handler = move |_| {
        let finish = until.clone();
        async move {
            finish.cancelled().await;
            Ok(())
        }
    };
    let executor = scene.executor().slots(1).handle("f", handler).build().unwrap();
    let running = tokio::spawn(executor.run_until_signalled());
    // The signal is listened for before the first claim.
    eventually("a claim", async || !scene.fake.state().claims.is_empty()).await;
    raise(Signal::SIGTERM).unwrap();
    finish.cancel();
    tokio::time::timeout(Duration::from_secs(60), running).await.unwrap().unwrap().unwrap();
    assert_eq!(scene.fake.outcomes().len(), 1);
}
