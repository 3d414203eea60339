//! Leases whose claims were answered, but never heard: an executor that names what it has gets the rest again.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::v1::{ClaimRequest, HeldLease, Lease, ProcessState};
use apiary_executor_sdk::{CancellationToken, Client, ClientConfig, Executor};
use apiary_identity::SystemClock;
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};
use apiary_tests::{Proxy, TestColony, eventually};
use uuid::Uuid;

on_each_store!(
    an_executor_that_never_heard_of_its_lease_has_the_work_again_long_before_the_lease_ends,
    what_an_executor_names_stays_and_the_rest_waits_again,
    a_claim_that_names_leases_ends_older_claims_of_its_run,
    leases_without_a_run_are_refused,
    work_for_a_poll_that_waits_is_leased_when_it_is_stored,
);

fn run(instance: u64) -> ClaimRequest {
    ClaimRequest { executor_type: "t".into(), count_max: 9, instance, ..Default::default() }
}

fn naming(instance: u64, held: &[&Lease]) -> ClaimRequest {
    let name = |lease: &&Lease| HeldLease { process_id: lease.process_id.clone(), attempt: lease.attempt };
    ClaimRequest { names_held: true, held: held.iter().map(name).collect(), ..run(instance) }
}

fn tokens(leases: &[Lease]) -> Vec<(&str, i32)> {
    leases.iter().map(|lease| (lease.process_id.as_str(), lease.attempt)).collect()
}

async fn an_executor_that_never_heard_of_its_lease_has_the_work_again_long_before_the_lease_ends(colony: TestColony) {
    colony.executor("bee", "t").await;
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let proxy = Proxy::to(colony.address().to_string()).await;
    let config = ClientConfig::new(format!("http://{}", proxy.address()).parse().unwrap());
    let bee = Client::new(&config, colony.key.id(), colony.key_of("bee"), Arc::new(SystemClock)).unwrap();
    let stop = CancellationToken::new();
    // The lease outlasts every wait of this test.
    let executor = Executor::builder(bee)
        .executor_type("t")
        .lease(Duration::from_secs(600))
        .handle("f", async |_| Ok("done"))
        .build()
        .unwrap();
    let running = tokio::spawn(executor.run(stop.clone()));
    colony.wait_for_polls(1).await;
    proxy.mute();
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    eventually("it runs, as far as the broker knows", async || {
        state_of(&reader, process_id).await == ProcessState::Running
    })
    .await;
    proxy.close();
    proxy.open();
    eventually("it is done", async || state_of(&reader, process_id).await == ProcessState::Succeeded).await;
    let process = reader.get_process(process_id).await.unwrap();
    let summary = process.process.unwrap();
    assert_eq!((summary.attempt, summary.retries_spent), (2, 0));
    stop.cancel();
    running.await.unwrap().unwrap();
}

async fn what_an_executor_names_stays_and_the_rest_waits_again(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(user.submit_json("t", "f", &()).await.unwrap().process_id);
    }
    let of_run_5 = bee.claim(ClaimRequest { count_max: 2, ..run(5) }).await.unwrap().leases;
    // Another run of the same key, and one that does not say which it is, lose nothing.
    let of_run_6 = bee.claim(run(6)).await.unwrap().leases;
    ids.push(user.submit_json("t", "f", &()).await.unwrap().process_id);
    assert_eq!((of_run_5.len(), of_run_6.len(), claim(&bee, "t", 9, CLAIM_WAIT).await.len()), (2, 1, 1));
    let again = bee.claim(naming(5, &[&of_run_5[0]])).await.unwrap().leases;
    assert_eq!(tokens(&again), [(&*of_run_5[1].process_id, 2)]);
    assert_eq!(again[0].retries_left, of_run_5[1].retries_left);
    // Named with an older attempt, it is not held.
    let again = bee.claim(naming(5, &[&of_run_5[0], &of_run_5[1]])).await.unwrap().leases;
    assert_eq!(tokens(&again), [(&*of_run_5[1].process_id, 3)]);
    bee.complete(&colony.success("bee", &of_run_5[0], b"1")).await.unwrap();
    bee.complete(&colony.success("bee", &of_run_6[0], b"1")).await.unwrap();
    // A stranger cannot free another's leases.
    let thief = colony.executor("thief", "t").await;
    assert!(thief.claim(naming(5, &[])).await.unwrap().leases.is_empty());
    let mut states = Vec::new();
    for process_id in ids {
        states.push(state_of(&reader, process_id).await);
    }
    states.sort();
    use ProcessState::{Running, Succeeded};
    assert_eq!(states, [Running, Running, Succeeded, Succeeded]);
}

async fn a_claim_that_names_leases_ends_older_claims_of_its_run(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (older, other) = (bee.clone(), bee.clone());
    let older = tokio::spawn(async move { older.claim(ClaimRequest { wait_ms: 60_000, ..run(5) }).await });
    let other = tokio::spawn(async move { other.claim(ClaimRequest { wait_ms: 60_000, ..run(6) }).await });
    colony.wait_for_polls(2).await;
    assert!(bee.claim(naming(5, &[])).await.unwrap().leases.is_empty());
    assert!(older.await.unwrap().unwrap().leases.is_empty());
    let process_id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    assert_eq!(tokens(&other.await.unwrap().unwrap().leases), [(&*process_id.to_string(), 1)]);
}

async fn leases_without_a_run_are_refused(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let held = |count| vec![HeldLease { process_id: Uuid::new_v4().to_string(), attempt: 1 }; count];
    for (request, field) in [
        (naming(0, &[]), "names_held"),
        (ClaimRequest { held: held(1), ..run(5) }, "held"),
        (ClaimRequest { held: held(1001), ..naming(5, &[]) }, "held"),
        (ClaimRequest { held: vec![HeldLease::default()], ..naming(5, &[]) }, "process_id"),
    ] {
        let error = bee.claim(request).await.unwrap_err();
        assert_eq!(error.reason(), Some("INVALID"), "{error}");
        assert!(error.to_string().contains(field), "{error}");
    }
    assert!(bee.claim(ClaimRequest { held: held(1000), ..naming(5, &[]) }).await.is_ok());
}

async fn work_for_a_poll_that_waits_is_leased_when_it_is_stored(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    // The first polls may still have to find out that nothing else waits.
    eventually("the submit itself leases the work", async || {
        let polling = bee.clone();
        let poll = tokio::spawn(async move { polling.claim(ClaimRequest { wait_ms: 60_000, ..run(5) }).await });
        colony.wait_for_polls(1).await;
        let submitted = user.submit_json("t", "f", &()).await.unwrap();
        let leases = poll.await.unwrap().unwrap().leases;
        assert_eq!(tokens(&leases), [(&*submitted.process_id.to_string(), 1)]);
        bee.complete(&colony.success("bee", &leases[0], b"1")).await.unwrap();
        submitted.state == ProcessState::Running
    })
    .await;
    assert_eq!(user.submit_json("t", "f", &()).await.unwrap().state, ProcessState::Waiting);
}
