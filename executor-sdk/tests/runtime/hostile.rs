//! A hostile broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{Work, v1};
use tokio_util::sync::CancellationToken;

use crate::fake::refusal;
use crate::scene::{Running, Scene};

#[tokio::test]
async fn leases_beyond_those_asked_for_are_ignored() {
    let scene = Scene::new();
    scene.fake.state().overfill = true;
    for _ in 0..50 {
        scene.hand_out("f", "1");
    }
    let (finish, started) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let (until, count) = (finish.clone(), Arc::clone(&started));
    let handler = move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let finish = until.clone();
        async move {
            finish.cancelled().await;
            Ok(())
        }
    };
    let running = Running::new(scene.executor().slots(2).handle("f", handler).build().unwrap());
    eventually("both started", async || started.load(Ordering::SeqCst) == 2).await;
    finish.cancel();
    eventually("both done", async || scene.fake.state().results.len() == 2).await;
    running.stop().await;
    assert_eq!(started.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_lease_that_is_in_hand_is_not_started_again() {
    let scene = Scene::new();
    let lease = scene.lease(&scene.spec("f", "1"));
    for _ in 0..3 {
        scene.fake.hand_out(lease.clone());
    }
    let started = Arc::new(AtomicUsize::new(0));
    let (finish, count) = (CancellationToken::new(), Arc::clone(&started));
    let until = finish.clone();
    let handler = move |_: Work| {
        count.fetch_add(1, Ordering::SeqCst);
        let finish = until.clone();
        async move {
            finish.cancelled().await;
            Ok(())
        }
    };
    let running = Running::new(scene.executor().slots(4).handle("f", handler).build().unwrap());
    // The second claim asks for what is left when one of three leases was started.
    eventually("the next claim", async || scene.fake.state().claims.len() >= 2).await;
    finish.cancel();
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    assert_eq!((started.load(Ordering::SeqCst), scene.fake.state().claims[1].count_max), (1, 3));
}

#[tokio::test]
async fn leases_of_nothing_are_ignored_and_work_goes_on() {
    let scene = Scene::new();
    let lease = scene.lease(&scene.spec("f", "1"));
    scene.fake.hand_out(v1::Lease { process_id: "../../etc/passwd\n".to_owned(), ..lease.clone() });
    scene.fake.hand_out(v1::Lease { attempt: 0, ..lease.clone() });
    scene.fake.hand_out(v1::Lease { attempt: i32::MIN, ..lease });
    scene.fake.hand_out(v1::Lease::default());
    scene.hand_out("f", "2");
    let running = Running::new(scene.executor().slots(1).handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.fake.outcomes().len(), 1);
}

#[tokio::test]
async fn empty_answers_at_once_do_not_make_it_spin() {
    let scene = Scene::new();
    scene.fake.state().impatient = true;
    let running = Running::new(scene.executor().handle("f", |_| async { Ok(()) }).build().unwrap());
    let begin = std::time::Instant::now();
    eventually("some claims", async || scene.fake.state().claims.len() >= 4).await;
    // Three pauses that double from 200 ms, and jitter only adds.
    assert!(begin.elapsed() >= Duration::from_millis(200 + 400 + 800));
    scene.fake.state().impatient = false;
    scene.hand_out("f", "1");
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_refusal_for_good_ends_an_executor_that_never_worked() {
    let scene = Scene::new();
    scene.fake.state().claim_refusals.push_back(refusal(tonic::Code::PermissionDenied, "NOT_PERMITTED", false));
    let running = Running::new(scene.executor().handle("f", |_| async { Ok(()) }).build().unwrap());
    let error = running.ended().await.unwrap_err();
    assert_eq!(error.reason(), Some("NOT_PERMITTED"));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_refusal_later_on_is_waited_out() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let running = Running::new(scene.executor().slots(1).handle("f", |_| async { Ok(()) }).build().unwrap());
    eventually("a result", async || !scene.fake.state().results.is_empty()).await;
    let no = || refusal(tonic::Code::PermissionDenied, "NOT_PERMITTED", false);
    scene.fake.state().claim_refusals.extend([no(), no()]);
    scene.hand_out("f", "2");
    scene.hand_out("f", "3");
    eventually("all results", async || scene.fake.state().results.len() == 3).await;
    running.stop().await;
    assert!(scene.fake.state().claim_refusals.is_empty());
}
