//! Cancelled processes: the handler is notified, and the broker learns that it stopped. Also work that is put off.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::testing::eventually;
use apiary_executor_sdk::{Failure, Work};
use apiary_identity::OutcomeKind;
use tokio::sync::Notify;

use crate::fake::refusal;
use crate::scene::{Running, Scene};

/// Far from now, by any clock.
const FAR_MS: i64 = i64::MAX;

#[tokio::test]
async fn a_handler_learns_of_its_cancellation_and_the_broker_that_it_stopped() {
    for returned in [Ok("done"), Err("stopped in the middle")] {
        let scene = Scene::new();
        scene.fake.state().cancelled_until_ms = Some(FAR_MS);
        scene.hand_out("f", "1");
        let handler = move |work: Work| async move {
            work.cancelled().await;
            returned.map_err(Failure::retryable)
        };
        let running = Running::new(scene.short_executor().handle("f", handler).build().unwrap());
        eventually("a result", async || !scene.fake.state().results.is_empty()).await;
        running.stop().await;
        let outcome = scene.fake.outcomes().remove(0);
        assert_eq!(outcome.outcome, OutcomeKind::Cancelled);
        assert!(outcome.output().to_bytes().unwrap().is_empty(), "its output is not sent");
        let words = outcome.failure.unwrap();
        assert_eq!(words == "stopped in the middle", returned.is_err(), "{words}");
        assert_eq!(scene.fake.state().results[0].0, "Fail");
    }
}

#[tokio::test]
async fn a_handler_that_does_not_heed_is_dropped_when_the_broker_ends_the_lease() {
    let scene = Scene::new();
    scene.fake.state().cancelled_until_ms = Some(0);
    scene.hand_out("f", "1");
    let dropped = Arc::new(Notify::new());
    let signal = Arc::clone(&dropped);
    let handler = move |_: Work| {
        let on_drop = OnDrop(Arc::clone(&signal));
        async move {
            let _on_drop = on_drop;
            std::future::pending::<Result<(), Failure>>().await
        }
    };
    let running = Running::new(scene.executor().slots(1).handle("f", handler).build().unwrap());
    // By then it was told; the deadline is over, so it is asked for again soon, long before a third of the lease.
    eventually("renewals", async || scene.fake.state().renewals.len() >= 4).await;
    scene.fake.state().renew_refusals.push_back(refusal(tonic::Code::FailedPrecondition, "LEASE_LOST", false));
    tokio::time::timeout(Duration::from_secs(10), dropped.notified()).await.unwrap();
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    running.stop().await;
    assert!(scene.fake.state().results.is_empty());
}

#[tokio::test]
async fn a_result_that_meets_a_cancellation_is_not_sent_again() {
    let scene = Scene::new();
    let refused = refusal(tonic::Code::FailedPrecondition, "CANCELLED", false);
    scene.fake.state().result_refusals.push_back(refused);
    scene.hand_out("f", "1");
    let handler = |_: Work| async { Ok::<_, Failure>(1) };
    let running = Running::new(scene.executor().slots(1).handle("f", handler).build().unwrap());
    eventually("the next claim", async || scene.fake.state().claims.len() == 2).await;
    running.stop().await;
    assert_eq!(scene.fake.state().results.len(), 1);
}

#[tokio::test]
async fn work_that_is_put_off_goes_back_with_its_delay_and_no_result() {
    let scene = Scene::new();
    scene.hand_out("f", "1");
    let handler = |_: Work| async { Err::<(), _>(Failure::snooze(Duration::from_secs(90), "the bank is closed")) };
    let running = Running::new(scene.executor().handle("f", handler).build().unwrap());
    eventually("a release", async || !scene.fake.state().releases.is_empty()).await;
    running.stop().await;
    let state = scene.fake.state();
    assert_eq!(state.releases.iter().map(|release| release.delay_ms).collect::<Vec<_>>(), [90_000]);
    assert!(state.results.is_empty());
}

/// Notifies when it is dropped.
struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
