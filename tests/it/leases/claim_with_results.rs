//! A claim that carries results: the attempts end, and the next work comes in the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apiary_executor_sdk::v1::{ClaimRequest, Envelope, ProcessState};
use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_executor_sdk::{CancellationToken, Executor};
use apiary_identity::OutcomeKind;
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};
use apiary_tests::{TestColony, eventually};

on_each_store!(
    results_end_their_attempts_and_the_next_work_comes_along,
    it_does_not_wait_for_work,
    a_refused_claim_keeps_no_result,
    a_result_of_another_is_refused_by_itself,
    an_executor_with_one_slot_has_one_work_at_a_time_and_does_all,
);

fn with_results(results: &[apiary_identity::Envelope], count_max: i32) -> ClaimRequest {
    let results: Vec<Envelope> = results.iter().map(envelope_to_proto).collect();
    ClaimRequest { executor_type: "t".into(), count_max, wait_ms: 60_000, results, ..Default::default() }
}

async fn results_end_their_attempts_and_the_next_work_comes_along(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(user.submit_json("t", "f", &()).await.unwrap().process_id);
    }
    let leases = claim(&bee, "t", 2, CLAIM_WAIT).await;
    let results =
        [colony.success("bee", &leases[0], b"1"), colony.failure("bee", &leases[1], OutcomeKind::FailedFinal, "never")];
    let answer = bee.claim(with_results(&results, 2)).await.unwrap();
    assert!(answer.answers.iter().all(|answer| answer.reason.is_empty() && !answer.existed), "{answer:?}");
    let next: Vec<_> = answer.leases.iter().map(|lease| lease.process_id.clone()).collect();
    assert_eq!((answer.answers.len(), next), (2, vec![processes[2].to_string(), processes[3].to_string()]));
    let states = [ProcessState::Succeeded, ProcessState::DeadLetter, ProcessState::Running, ProcessState::Running];
    for (process, state) in processes.iter().zip(states) {
        assert_eq!(state_of(&reader, *process).await, state);
    }
    // The answer may have been lost: the same call again says so, and takes nothing twice.
    let again = bee.claim(with_results(&results, 2)).await.unwrap();
    assert!(again.answers.iter().all(|answer| answer.existed && answer.reason.is_empty()), "{again:?}");
    assert!(again.leases.is_empty());
}

async fn it_does_not_wait_for_work(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let result = colony.success("bee", &colony.claim_one(&bee, "t").await, b"1");
    let begun = Instant::now();
    let answer = bee.claim(with_results(&[result], 1)).await.unwrap();
    assert_eq!((answer.answers.len(), answer.leases.len()), (1, 0));
    assert!(begun.elapsed() < Duration::from_secs(50), "it waited for work");
}

async fn a_refused_claim_keeps_no_result(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let result = colony.success("bee", &colony.claim_one(&bee, "t").await, b"1");
    for refused in [
        ClaimRequest { executor_type: "other".into(), ..with_results(std::slice::from_ref(&result), 1) },
        with_results(std::slice::from_ref(&result), -1),
        with_results(&vec![result.clone(); 1001], 1),
    ] {
        let error = bee.claim(refused).await.unwrap_err();
        assert!(matches!(error.reason(), Some("NOT_PERMITTED" | "INVALID")), "{error}");
        assert_eq!(state_of(&reader, process_id).await, ProcessState::Running);
    }
}

async fn a_result_of_another_is_refused_by_itself(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    colony.executor("thief", "t").await;
    for _ in 0..3 {
        user.submit_json("t", "f", &()).await.unwrap();
    }
    let leases = claim(&bee, "t", 2, CLAIM_WAIT).await;
    let results = [colony.success("thief", &leases[0], b"1"), colony.success("bee", &leases[1], b"1")];
    let answer = bee.claim(with_results(&results, 1)).await.unwrap();
    assert!(!answer.answers[0].reason.is_empty() && answer.answers[1].reason.is_empty(), "{answer:?}");
    assert_eq!(answer.leases.len(), 1);
    assert_eq!(state_of(&reader, leases[0].process_id.parse().unwrap()).await, ProcessState::Running);
}

async fn an_executor_with_one_slot_has_one_work_at_a_time_and_does_all(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut processes = Vec::new();
    for _ in 0..20 {
        processes.push(user.submit_json("t", "f", &()).await.unwrap().process_id);
    }
    let (done, most, now) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest, running) = (Arc::clone(&done), Arc::clone(&most), Arc::clone(&now));
    let handler = move |_| {
        let (counted, highest, running) = (Arc::clone(&counted), Arc::clone(&highest), Arc::clone(&running));
        async move {
            highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            counted.fetch_add(1, Ordering::SeqCst);
            Ok("done")
        }
    };
    let stop = CancellationToken::new();
    let executor = Executor::builder(bee).executor_type("t").slots(1).handle("f", handler);
    let running = tokio::spawn(executor.build().unwrap().run(stop.clone()));
    eventually("all are done", async || {
        let last = state_of(&reader, processes[19]).await;
        last == ProcessState::Succeeded
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
    for process in processes {
        assert_eq!(state_of(&reader, process).await, ProcessState::Succeeded);
    }
    assert_eq!((done.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (20, 1), "each once, one at a time");
}
