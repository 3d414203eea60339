//! Deadlines: `max_wait` without a claim, `max_exec` during the work.

use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_identity::{Clock as _, OutcomeKind, SystemClock};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually};
use jiff::SignedDuration;

on_each_store!(
    fifteen_hundred_waits_are_over_in_time,
    a_wait_is_counted_from_when_the_process_could_run,
    a_back_off_is_no_wait,
    ten_attempts_past_max_exec_all_wait_again,
    without_a_bound_on_retries_expiry_repeats
);

/// Longest delay of a sweep on a busy machine.
const LATE_MS_MAX: i64 = 5000;

/// Lists all processes in this state, page by page.
async fn all_in(reader: &Client, state: ProcessState) -> Vec<v1::Process> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let filter = v1::ProcessFilter { states: vec![state.into()], ..Default::default() };
        let request = v1::ListProcessesRequest { filter: Some(filter), page_size: 1000, page_token };
        let page = reader.list_processes(request).await.unwrap();
        all.extend(page.processes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

async fn count_in(reader: &Client, state: &str) -> i64 {
    let counts = reader.get_colony().await.unwrap().state_counts;
    counts.into_iter().find(|count| count.state == state).map_or(0, |count| count.count)
}

// Case X6.
async fn fifteen_hundred_waits_are_over_in_time(colony: TestColony) {
    const COUNT: i64 = 1500;
    const MAX_WAIT_MS: i64 = 2000;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let patient = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let submits = (0..COUNT).map(|_| {
        let mut spec = user.spec("t", "f");
        spec.max_wait_ms = MAX_WAIT_MS;
        let user = &user;
        async move { user.submit(&spec).await.unwrap() }
    });
    futures::future::join_all(submits).await;
    eventually("all of them have failed", async || (count_in(&reader, "failed").await == COUNT).then_some(())).await;
    for process in all_in(&reader, ProcessState::Failed).await {
        let late_ms = process.state_since_ms - process.submitted_at_ms - MAX_WAIT_MS;
        assert!((0..LATE_MS_MAX).contains(&late_ms), "{late_ms}");
    }
    assert_eq!(state_of(&reader, patient).await, ProcessState::Waiting);
}

// Case X7.
async fn a_wait_is_counted_from_when_the_process_could_run(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut spec = user.spec("t", "f");
    let ready = SystemClock.now() + SignedDuration::from_millis(1500);
    (spec.not_before, spec.max_wait_ms) = (Some(ready), 1000);
    user.submit(&spec).await.unwrap();
    let failed = finished(&reader, spec.process_id).await;
    assert_eq!(failed.state(), ProcessState::Failed);
    assert!(failed.state_since_ms >= ready.as_millisecond() + 1000, "{failed:?}");
}

// Case X7.
async fn a_back_off_is_no_wait(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.max_wait_ms, spec.backoff.first_ms, spec.backoff.jitter) = (1000, 1500, 0.0);
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let failure = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "busy");
    let retry_at_ms = bee.fail(&failure).await.unwrap().retry_at_ms;
    let failed = finished(&reader, spec.process_id).await;
    assert_eq!(failed.state(), ProcessState::Failed);
    assert!(failed.state_since_ms >= retry_at_ms + 1000, "{failed:?}");
}

async fn finished(reader: &Client, process_id: uuid::Uuid) -> v1::Process {
    eventually("it is finished", async || {
        let process = reader.get_process(process_id).await.unwrap().process.unwrap();
        let open = [ProcessState::Blocked, ProcessState::Waiting, ProcessState::Running];
        (!open.contains(&process.state())).then_some(process)
    })
    .await
}

// Case 38.
async fn ten_attempts_past_max_exec_all_wait_again(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    for _ in 0..10 {
        let mut spec = user.spec("t", "f");
        spec.max_exec_ms = 1000;
        user.submit(&spec).await.unwrap();
    }
    assert_eq!(claim(&bee, "t", 10, Duration::ZERO).await.len(), 10);
    assert_eq!(count_in(&reader, "running").await, 10);
    eventually("all of them wait again", async || (count_in(&reader, "waiting").await == 10).then_some(())).await;
    for process in all_in(&reader, ProcessState::Waiting).await {
        assert_eq!((process.attempt, process.retries_spent), (1, 1));
        let attempts = reader.get_process(process.process_id.parse().unwrap()).await.unwrap().attempts;
        assert_eq!(attempts[0].outcome, "exec_time_exceeded");
    }
    let again = claim(&bee, "t", 10, Duration::ZERO).await;
    assert_eq!(again.iter().map(|lease| lease.attempt).collect::<Vec<_>>(), [2; 10]);
}

// Case 39.
async fn without_a_bound_on_retries_expiry_repeats(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.max_retries, spec.max_exec_ms) = (-1, 200);
    user.submit(&spec).await.unwrap();
    // More often than the default would allow.
    for attempt in 1..=6 {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!((lease.attempt, lease.retries_left), (attempt, -1));
    }
    let attempts = reader.get_process(spec.process_id).await.unwrap().attempts;
    let (over, open): (Vec<_>, Vec<_>) = attempts.iter().partition(|attempt| attempt.outcome == "exec_time_exceeded");
    assert_eq!((over.len(), open.len()), (5, 1), "{attempts:?}");
}
