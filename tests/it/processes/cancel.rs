//! `Cancel`: a process that is not running ends at once; a running one is notified, and ends at the deadline at the
//! latest.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{CancellationToken, Executor, Failure, Work, v1};
use apiary_identity::OutcomeKind;
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually};
use uuid::Uuid;

use super::in_state;

on_each_store!(
    what_waits_or_is_blocked_is_cancelled_at_once_and_never_claimed,
    what_runs_is_told_and_its_completion_is_refused,
    a_lease_that_is_being_cancelled_ends_at_the_deadline_whatever_is_renewed,
    without_a_grace_it_ends_at_once,
    what_is_finished_is_refused_and_stays_as_it_is,
    an_executor_says_that_it_stopped_and_only_then,
    a_failure_of_a_cancelled_process_is_not_retried,
    a_watcher_sees_it_coming,
    only_the_colony_or_a_key_with_the_right_may,
    bounds_are_kept,
    a_handler_stops_by_its_token,
    a_cancellation_survives_a_restart
);

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

// Cases 20, 28.
async fn what_waits_or_is_blocked_is_cancelled_at_once_and_never_claimed(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let waiting = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut later = user.spec("t", "f");
    later.not_before = Some(later.submit_by);
    let blocked = user.submit(&later).await.unwrap().process_id;
    for id in [waiting, blocked] {
        let process = ops.cancel(id, "a duplicate", None).await.unwrap();
        assert_eq!((process.state(), process.cancel_deadline_ms), (ProcessState::Cancelled, 0));
        assert_eq!((process.reason.as_str(), process.ended_by.as_str()), ("a duplicate", "ops"));
        assert_eq!(ops.cancel(id, "again", None).await.unwrap_err().reason(), Some("STATE_CONFLICT"));
    }
    assert!(claim(&bee, "t", 10, Duration::ZERO).await.is_empty());
    let unknown = ops.cancel(Uuid::now_v7(), "", None).await.unwrap_err();
    assert_eq!(unknown.reason(), Some("NOT_FOUND"));
}

// Cases 28, X5.
async fn what_runs_is_told_and_its_completion_is_refused(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    assert!(!bee.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap().cancelled);
    let process = ops.cancel(id, "wrong customer", Some(Duration::from_secs(10))).await.unwrap();
    assert_eq!(process.state(), ProcessState::Running);
    assert!(process.cancel_deadline_ms > process.state_since_ms);
    let renewed = bee.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap();
    assert!(renewed.cancelled);
    assert_eq!(
        (renewed.cancel_deadline_ms, renewed.expires_at_ms),
        (process.cancel_deadline_ms, process.cancel_deadline_ms)
    );
    assert_eq!(renewed.cancel_reason, "wrong customer");
    let result = colony.success("bee", &lease, b"1");
    for _ in 0..2 {
        assert_eq!(bee.complete(&result).await.unwrap_err().reason(), Some("CANCELLED"));
    }
    let kept = ops.get_process(id).await.unwrap();
    let process = kept.process.unwrap();
    assert_eq!((process.state(), process.ended_by.as_str()), (ProcessState::Cancelled, "ops"));
    assert_eq!(process.reason, "wrong customer");
    assert_eq!((kept.attempts[0].outcome.as_str(), &kept.attempts[0].result), ("cancelled", &None));
    let other = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "too late");
    assert_eq!(bee.fail(&other).await.unwrap_err().reason(), Some("CANCELLED"));
}

async fn a_lease_that_is_being_cancelled_ends_at_the_deadline_whatever_is_renewed(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    ops.cancel(id, "", MINUTE).await.unwrap();
    // The earlier deadline counts, in whatever order they are set.
    let process = ops.cancel(id, "", Some(Duration::from_millis(700))).await.unwrap();
    let later = ops.cancel(id, "", MINUTE).await.unwrap();
    assert_eq!(later.cancel_deadline_ms, process.cancel_deadline_ms);
    let ended =
        eventually("the lease ends", async || match bee.renew(id, lease.attempt, Duration::from_secs(30)).await {
            Ok(renewed) => {
                assert!(renewed.cancelled && renewed.expires_at_ms == process.cancel_deadline_ms);
                None
            }
            Err(error) => Some(error),
        })
        .await;
    assert_eq!(ended.reason(), Some("LEASE_LOST"));
    in_state(&ops, id, ProcessState::Cancelled).await;
    let kept = ops.get_process(id).await.unwrap();
    assert_eq!(kept.attempts[0].outcome, "cancelled");
    assert!(kept.attempts[0].ended_at_ms >= process.cancel_deadline_ms);
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty(), "it is not tried again");
}

async fn without_a_grace_it_ends_at_once(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let process = ops.cancel(id, "now", Some(Duration::ZERO)).await.unwrap();
    assert_eq!((process.state(), process.ended_by.as_str()), (ProcessState::Cancelled, "ops"));
    assert_eq!(bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err().reason(), Some("CANCELLED"));
}

// Case 28.
async fn what_is_finished_is_refused_and_stays_as_it_is(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let kinds = [OutcomeKind::Succeeded, OutcomeKind::FailedFinal, OutcomeKind::Refused];
    let states = ["succeeded", "dead_letter", "dead_letter"];
    for (kind, state) in kinds.into_iter().zip(states) {
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        match kind {
            OutcomeKind::Succeeded => drop(bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap()),
            kind => drop(bee.fail(&colony.failure("bee", &lease, kind, "no")).await.unwrap()),
        }
        let before = state_of(&ops, id).await;
        let refused = ops.cancel(id, "too late", None).await.unwrap_err();
        assert_eq!(refused.reason(), Some("STATE_CONFLICT"));
        assert!(refused.to_string().contains(&format!("`{state}`")), "{refused}");
        assert_eq!(state_of(&ops, id).await, before);
    }
}

async fn an_executor_says_that_it_stopped_and_only_then(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let stopped = colony.failure("bee", &lease, OutcomeKind::Cancelled, "stopped in the middle");
    let early = bee.fail(&stopped).await.unwrap_err();
    assert_eq!(early.reason(), Some("INVALID"), "nobody cancels it: {early}");
    assert_eq!(state_of(&ops, id).await, ProcessState::Running);
    ops.cancel(id, "not needed", MINUTE).await.unwrap();
    assert!(!bee.fail(&stopped).await.unwrap().existed);
    assert!(bee.fail(&stopped).await.unwrap().existed);
    let kept = ops.get_process(id).await.unwrap();
    assert_eq!(kept.process.unwrap().state(), ProcessState::Cancelled);
    assert_eq!(
        (kept.attempts[0].outcome.as_str(), kept.attempts[0].reason.as_str()),
        ("cancelled", "stopped in the middle")
    );
    assert!(kept.attempts[0].result.is_some(), "what the executor signed is kept");
}

async fn a_failure_of_a_cancelled_process_is_not_retried(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    for release in [true, false] {
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        ops.cancel(id, "", MINUTE).await.unwrap();
        if release {
            bee.release(id, lease.attempt).await.unwrap();
        } else {
            let failure = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy");
            assert_eq!(bee.fail(&failure).await.unwrap().retry_at_ms, 0);
        }
        assert_eq!(state_of(&ops, id).await, ProcessState::Cancelled);
    }
}

async fn a_watcher_sees_it_coming(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let request = v1::WatchRequest { process_id: id.to_string(), ..Default::default() };
    let mut watch = ops.watch(request).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Running);
    ops.cancel(id, "", MINUTE).await.unwrap();
    let marked = watch.next().await.unwrap().unwrap();
    assert!(marked.state() == ProcessState::Running && marked.cancel_deadline_ms > 0);
    bee.release(id, lease.attempt).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Cancelled);
    assert!(watch.next().await.is_none());
}

async fn only_the_colony_or_a_key_with_the_right_may(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for nobody in [&user, &reader, &bee] {
        assert_eq!(nobody.cancel(id, "", None).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert_eq!(state_of(&reader, id).await, ProcessState::Waiting);
    let cancelled = colony.client(&colony.key).cancel(id, "", None).await.unwrap();
    assert_eq!(cancelled.ended_by, "colony");
}

async fn bounds_are_kept(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let long = ops.cancel(id, &"x".repeat(4097), None).await.unwrap_err();
    assert_eq!(long.reason(), Some("INVALID"));
    assert_eq!(ops.cancel(id, "a\0b", None).await.unwrap_err().reason(), Some("INVALID"));
    let slow = ops.cancel(id, "", Some(Duration::from_secs(3601))).await.unwrap_err();
    assert_eq!(slow.reason(), Some("INVALID"));
    let hostile = "'; DROP TABLE finished; --\u{1f41d}";
    let cancelled = ops.cancel(id, hostile, None).await.unwrap();
    assert_eq!(cancelled.reason, hostile);
}

async fn a_handler_stops_by_its_token(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let stop = CancellationToken::new();
    let token = stop.clone();
    let running = tokio::spawn(async move {
        let handler = |work: Work| async move {
            work.cancelled().await;
            Err::<(), _>(Failure::retryable("stopped in the middle"))
        };
        let executor = Executor::builder(bee).executor_type("t").lease(Duration::from_secs(3)).handle("f", handler);
        executor.build().unwrap().run(token).await
    });
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    in_state(&ops, id, ProcessState::Running).await;
    ops.cancel(id, "not needed", MINUTE).await.unwrap();
    in_state(&ops, id, ProcessState::Cancelled).await;
    let kept = ops.get_process(id).await.unwrap();
    assert_eq!(kept.attempts[0].reason, "stopped in the middle");
    assert!(kept.attempts[0].result.is_some());
    stop.cancel();
    running.await.unwrap().unwrap();
}

async fn a_cancellation_survives_a_restart(mut colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let marked = ops.cancel(id, "not needed", MINUTE).await.unwrap();
    colony.stop().await;
    colony.start_again().await;
    let renewed = bee.renew(id, lease.attempt, Duration::from_secs(90)).await.unwrap();
    assert!(renewed.cancelled && renewed.expires_at_ms == marked.cancel_deadline_ms);
    assert_eq!(bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err().reason(), Some("CANCELLED"));
    assert_eq!(state_of(&ops, id).await, ProcessState::Cancelled);
}
