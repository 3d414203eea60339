//! Leases: renewed during the work, and the fate of work whose lease is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{ClientError, Failure, Work};
use apiary_identity::OutcomeKind;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::fake::refusal;
use crate::scene::{Running, Scene};

/// Returns a handler that waits for its cancellation, records it, and returns a result all the same.
fn heedful(cancelled: &Arc<AtomicBool>) -> impl Fn(Work) -> BoxFuture<'static, Result<(), Failure>> + use<> {
    let cancelled = Arc::clone(cancelled);
    move |work: Work| {
        let cancelled = Arc::clone(&cancelled);
        Box::pin(async move {
            work.cancelled().await;
            assert!(work.is_cancelled());
            cancelled.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_lease_is_renewed_while_its_work_is_done() {
    let scene = Scene::new();
    let process_id = scene.hand_out("f", "1");
    let finish = Arc::new(Notify::new());
    let signal = Arc::clone(&finish);
    let handler = move |work: Work| {
        let finish = Arc::clone(&signal);
        async move {
            finish.notified().await;
            Ok(work.is_cancelled())
        }
    };
    let running = Running::new(scene.executor().lease(Duration::from_secs(3)).handle("f", handler).build().unwrap());
    // Four renewals of a lease of three seconds, each third of it: longer than one lease lasts.
    eventually("four renewals", async || scene.fake.state().renewals.len() >= 4).await;
    finish.notify_one();
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    let outcome = scene.fake.outcomes().remove(0);
    assert_eq!(outcome.output().to_bytes().unwrap().as_ref(), b"false");
    let state = scene.fake.state();
    let renewal = &state.renewals[0];
    assert_eq!((renewal.process_id.as_str(), renewal.attempt, renewal.lease_ms), (&*process_id.to_string(), 1, 3000));
}

#[tokio::test]
async fn a_heartbeat_that_panics_goes_on_and_its_work_is_finished() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let finish = Arc::new(Notify::new());
    let signal = Arc::clone(&finish);
    let handler = move |work: Work| {
        let finish = Arc::clone(&signal);
        async move {
            finish.notified().await;
            Ok(work.is_cancelled())
        }
    };
    let executor = scene.executor().lease(Duration::from_secs(3)).handle("f", handler).build().unwrap();
    let tasks = &scene.supervisor;
    let running = Running::new(executor);
    let renewals = || scene.fake.state().renewals.len();
    eventually("a renewal", async || renewals() >= 1).await;
    tasks.sabotage("heartbeats");
    let notice = || tasks.notices().list().into_iter().find(|notice| notice.subject == "heartbeats");
    eventually("the panic is reported", async || notice().is_some()).await;
    assert_eq!(notice().unwrap().kind, "TASK_RESTARTED");
    // Longer than one lease lasts.
    let before = renewals();
    eventually("four renewals more", async || renewals() >= before + 4).await;
    assert!(tasks.is_up(), "it is steady again");
    finish.notify_one();
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    let outcome = scene.fake.outcomes().remove(0);
    assert_eq!(outcome.outcome, OutcomeKind::Succeeded);
    assert_eq!(outcome.output().to_bytes().unwrap().as_ref(), b"false", "it was never cancelled");
}

#[tokio::test]
async fn a_heartbeat_that_panics_again_and_again_ends_the_executor_with_an_error() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let handler = |work: Work| async move {
        work.cancelled().await;
        Ok(())
    };
    let builder = scene.executor().drain_timeout(Duration::ZERO).handle("f", handler);
    let executor = builder.build().unwrap();
    let tasks = &scene.supervisor;
    let running = Running::new(executor);
    eventually("it beats", async || tasks.names().contains(&"heartbeats")).await;
    let problem = eventually("the executor gives up", async || {
        tasks.sabotage("heartbeats");
        tasks.failed().now_or_never()
    })
    .await;
    let error = running.ended().await.unwrap_err();
    assert!(problem.contains("`heartbeats`"), "{problem}");
    assert!(matches!(&error, ClientError::Broken(words) if *words == problem), "{error}");
}

#[tokio::test]
async fn work_whose_lease_is_lost_is_cancelled_and_nothing_of_it_is_sent() {
    let scene = Scene::new();
    scene.fake.state().renew_refusals.push_back(refusal(tonic::Code::FailedPrecondition, "LEASE_LOST", false));
    scene.hand_out("f", "1");
    let cancelled = Arc::new(AtomicBool::new(false));
    let running = Running::new(scene.short_executor().slots(1).handle("f", heedful(&cancelled)).build().unwrap());
    // The one slot being asked for again means that the first work is over and done with.
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    assert!(cancelled.load(Ordering::SeqCst));
    running.stop().await;
    let state = scene.fake.state();
    assert!(state.results.is_empty() && state.releases.is_empty());
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_lost_at_its_end() {
    let scene = Scene::new();
    scene.fake.state().renew_never = true;
    scene.hand_out("f", "1");
    let cancelled = Arc::new(AtomicBool::new(false));
    let running = Running::new(scene.short_executor().slots(1).handle("f", heedful(&cancelled)).build().unwrap());
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    assert!(cancelled.load(Ordering::SeqCst));
    running.stop().await;
    let state = scene.fake.state();
    assert!(state.renewals.len() > 1, "a renewal that failed is tried again");
    assert!(state.results.is_empty());
}

#[tokio::test]
async fn a_renewal_that_fails_now_and_then_loses_nothing() {
    let scene = Scene::new();
    let away = || refusal(tonic::Code::Unavailable, "OVERLOADED", true);
    scene.fake.state().renew_refusals.extend([away(), away()]);
    scene.hand_out("f", "1");
    let seen = scene.fake.clone();
    let handler = move |_| {
        let seen = seen.clone();
        async move {
            eventually("renewals", move || ready(seen.state().renewals.len() >= 4)).await;
            Ok(())
        }
    };
    let running = Running::new(scene.executor().lease(Duration::from_secs(6)).handle("f", handler).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.fake.outcomes()[0].outcome, OutcomeKind::Succeeded);
}

#[tokio::test]
async fn work_is_cancelled_when_its_execution_time_is_over() {
    let scene = Scene::new();
    let mut spec = scene.spec("f", "1");
    spec.max_exec_ms = 300;
    scene.fake.hand_out(scene.lease(&spec));
    let cancelled = Arc::new(AtomicBool::new(false));
    let running = Running::new(scene.executor().slots(1).handle("f", heedful(&cancelled)).build().unwrap());
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    assert!(cancelled.load(Ordering::SeqCst));
    running.stop().await;
    assert!(scene.fake.state().results.is_empty());
}

#[tokio::test]
async fn work_goes_on_while_the_broker_is_away_and_its_result_comes_home() {
    let mut scene = Scene::new();
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
    let executor = scene.executor().lease(Duration::from_secs(30)).handle("f", handler).build().unwrap();
    let running = Running::new(executor);
    started.cancelled().await;
    scene.kill().await;
    finish.cancel();
    scene.start("broker-2");
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    // The claim loop finds the new instance, too.
    scene.hand_out("f", "2");
    eventually("two results", async || scene.fake.state().results.len() == 2).await;
    running.stop().await;
}

#[tokio::test]
async fn a_handler_that_ignores_its_cancellation_is_dropped_and_its_slot_free_again() {
    let scene = Scene::new();
    scene.fake.state().renew_refusals.push_back(refusal(tonic::Code::FailedPrecondition, "LEASE_LOST", false));
    scene.hand_out("f", "1");
    let running = Running::new(
        scene.short_executor().slots(1).handle("f", |_| std::future::pending::<Result<(), Failure>>()).build().unwrap(),
    );
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    running.stop().await;
    assert!(scene.fake.state().results.is_empty());
}

#[tokio::test]
async fn a_result_is_given_up_soon_after_its_lease_is_over() {
    let scene = Scene::new();
    let away = refusal(tonic::Code::Unavailable, "UNAVAILABLE", true);
    scene.fake.state().renew_never = true;
    scene.fake.state().result_refusals.extend(std::iter::repeat_n(away, 1000));
    scene.hand_out("f", "1");
    let running = Running::new(scene.short_executor().slots(1).handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    running.stop().await;
    assert!(scene.fake.state().results.len() > 1);
}

#[tokio::test]
async fn a_heartbeat_that_loses_against_the_result_does_no_harm() {
    let scene = Scene::new();
    // The broker takes the result, its answers are lost, and the renewals after that find no lease: the first comes
    // after a third of a second, the third try at delivery after six tenths and more.
    let away = refusal(tonic::Code::Unavailable, "UNAVAILABLE", true);
    scene.fake.state().result_refusals.extend([away.clone(), away]);
    let lost = refusal(tonic::Code::FailedPrecondition, "LEASE_LOST", false);
    scene.fake.state().renew_refusals.extend(std::iter::repeat_n(lost, 10));
    scene.hand_out("f", "1");
    let running = Running::new(scene.short_executor().slots(1).handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("the third try", async || scene.fake.state().results.len() == 3).await;
    running.stop().await;
    assert!(!scene.fake.state().renewals.is_empty());
}
