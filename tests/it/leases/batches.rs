//! Specs and results of many callers of one client, which go together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiary_executor_sdk::v1::{ListProcessesRequest, Process, ProcessState};
use apiary_executor_sdk::{CancellationToken, Client, ClientConfig, Executor, Failure, Work};
use apiary_identity::{Role, Spec, SystemClock};
use apiary_tests::{Proxy, TestColony, eventually};
use futures::future::join_all;
use tokio::sync::Semaphore;

on_each_store!(
    each_of_many_submits_is_one_process_and_a_refused_one_affects_no_other,
    a_spec_submitted_again_in_other_company_is_the_same,
    each_of_many_works_that_end_together_ends_as_it_says,
    results_whose_answers_are_lost_are_accepted_once
);

/// Works that run at the same time.
const MANY: usize = 200;

async fn processes(reader: &Client) -> Vec<Process> {
    let request = ListProcessesRequest { page_size: 1000, ..Default::default() };
    reader.list_processes(request).await.unwrap().processes
}

async fn each_of_many_submits_is_one_process_and_a_refused_one_affects_no_other(colony: TestColony) {
    let (user, reader) = (colony.grant("ada", Role::User, &["f"], &["t"], &[]).await, colony.reader().await);
    let alone = user.submit(&user.spec("t", "forbidden")).await.unwrap_err();
    let specs: Vec<Spec> =
        (0..300).map(|number| user.spec("t", if number == 150 { "forbidden" } else { "f" })).collect();
    let mut answers = join_all(specs.iter().map(|spec| user.submit(spec))).await;
    let refused = answers.remove(150).unwrap_err();
    assert_eq!((refused.reason(), refused.is_retryable()), (alone.reason(), alone.is_retryable()));
    assert_eq!(refused.to_string(), alone.to_string());
    let accepted: BTreeSet<String> = answers
        .into_iter()
        .map(|answer| {
            let submitted = answer.unwrap();
            assert!(!submitted.existed);
            submitted.process_id.to_string()
        })
        .collect();
    let wanted = specs.iter().filter(|spec| spec.function == "f").map(|spec| spec.process_id.to_string());
    assert_eq!(accepted, wanted.collect());
    let kept: Vec<_> = processes(&reader).await.into_iter().map(|process| process.process_id).collect();
    assert_eq!((kept.len(), kept.into_iter().collect::<BTreeSet<_>>()), (299, accepted));
}

async fn a_spec_submitted_again_in_other_company_is_the_same(colony: TestColony) {
    let user = colony.user("ada").await;
    let specs: Vec<Spec> = (0..20).map(|_| user.spec("t", "f")).collect();
    // Alone, then with others, then with others still.
    assert!(!user.submit(&specs[5]).await.unwrap().existed);
    for (round, specs) in [(1, specs.clone()), (2, specs.iter().rev().cloned().collect())] {
        for (spec, answer) in specs.iter().zip(join_all(specs.iter().map(|spec| user.submit(spec))).await) {
            let answer = answer.unwrap();
            let expected = round == 2 || spec.process_id == specs[5].process_id;
            assert_eq!((answer.process_id, answer.existed), (spec.process_id, expected));
        }
    }
}

/// Runs many works whose handlers end at the same moment, after `prepare`; every third fails for good. Returns the
/// processes once all have ended.
async fn run_many(colony: &TestColony, bee: Client, before_end: impl AsyncFnOnce()) -> BTreeMap<String, Process> {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    join_all((0..MANY).map(|number| {
        let user = &user;
        async move { user.submit_json("t", "f", &number).await.unwrap() }
    }))
    .await;
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let handler = move |number: usize, _: Work| {
        let gate = Arc::clone(&opened);
        async move {
            let _closed = gate.acquire().await;
            if number.is_multiple_of(3) { Err(Failure::fatal("a third")) } else { Ok(number) }
        }
    };
    let handler = move |work: Work| {
        let (handler, number) = (handler.clone(), work.json());
        async move { handler(number?, work).await }
    };
    let stop = CancellationToken::new();
    let executor = Executor::builder(bee).executor_type("t").slots(256).handle("f", handler).build().unwrap();
    let running = tokio::spawn(executor.run(stop.clone()));
    let in_state =
        async |state: ProcessState| processes(&reader).await.iter().filter(|process| process.state() == state).count();
    eventually("all run", async || in_state(ProcessState::Running).await == MANY).await;
    gate.close();
    before_end().await;
    eventually("all have ended", async || {
        in_state(ProcessState::Running).await + in_state(ProcessState::Waiting).await == 0
    })
    .await;
    stop.cancel();
    running.await.unwrap().unwrap();
    processes(&reader).await.into_iter().map(|process| (process.process_id.clone(), process)).collect()
}

fn check(processes: &BTreeMap<String, Process>) {
    assert_eq!(processes.len(), MANY);
    assert!(processes.values().all(|process| process.attempt == 1), "no work was done twice");
    let count = |state| processes.values().filter(|process| process.state() == state).count();
    assert_eq!((count(ProcessState::Succeeded), count(ProcessState::DeadLetter)), (133, 67));
}

async fn each_of_many_works_that_end_together_ends_as_it_says(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    check(&run_many(&colony, bee, async || {}).await);
}

async fn results_whose_answers_are_lost_are_accepted_once(colony: TestColony) {
    colony.executor("bee", "t").await;
    let proxy = Proxy::to(colony.address().to_string()).await;
    let config = ClientConfig::new(format!("http://{}", proxy.address()).parse().unwrap());
    let clock = Arc::new(SystemClock);
    let bee = Client::new(&config, colony.key.id(), colony.key_of("bee"), clock).unwrap();
    let reader = colony.reader().await;
    let processes = run_many(&colony, bee, async || {
        // The connection breaks once the first result was accepted, wherever the others are.
        eventually("one has ended", async || {
            processes(&reader).await.iter().any(|process| process.state() != ProcessState::Running)
        })
        .await;
        proxy.close();
        proxy.open();
    })
    .await;
    check(&processes);
}
