//! A compromised database: executors refuse unsigned work, and it is set aside instead of being handed out endlessly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{CancellationToken, Client, Executor, Failure, Work};
use apiary_tests::colony::state_of;
use apiary_tests::{Backend, TestColony, eventually};

on_each_store!(
    an_altered_spec_is_refused_reported_and_dead_lettered,
    a_damaged_spec_is_refused_reported_and_dead_lettered,
    an_altered_grant_is_refused_reported_and_dead_lettered,
    a_spec_moved_to_another_process_is_refused
);

/// A real executor that counts what reaches its handler.
fn run_bee(bee: Client) -> (Arc<AtomicUsize>, CancellationToken) {
    let (count, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let (counter, token) = (count.clone(), stop.clone());
    tokio::spawn(async move {
        let executor = Executor::builder(bee)
            .executor_type("t")
            .handle("f", move |_: Work| {
                let counter = counter.clone();
                async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, Failure>(())
                }
            })
            .build()
            .unwrap();
        executor.run(token).await
    });
    (count, stop)
}

async fn set_aside_and_serving_on(colony: &TestColony, tamper: impl AsyncFnOnce(&Backend), words: &str) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &serde_json::json!({ "amount": 100 })).await.unwrap().process_id;
    tamper(&colony.backend).await;
    let (count, stop) = run_bee(bee);
    eventually("it is a dead letter", async || (state_of(&reader, id).await == ProcessState::DeadLetter).then_some(()))
        .await;
    let reason = reader.get_process(id).await.unwrap().process.unwrap().reason;
    assert!(reason.contains(words), "{reason}");
    assert_eq!(count.load(Ordering::SeqCst), 0, "the handler never saw it");
    // Correctly signed work continues.
    let eve = colony.user("eve").await;
    let next = eve.submit_json("t", "f", &()).await.unwrap().process_id;
    eventually("the next one succeeds", async || {
        (state_of(&reader, next).await == ProcessState::Succeeded).then_some(())
    })
    .await;
    stop.cancel();
}

// Case X3.
async fn an_altered_spec_is_refused_reported_and_dead_lettered(colony: TestColony) {
    let tamper = async |backend: &Backend| {
        backend.alter_documents("specs", "payload", "\"amount\":100", "\"amount\":999").await;
    };
    set_aside_and_serving_on(&colony, tamper, "spec").await;
}

// Case X3.
async fn a_damaged_spec_is_refused_reported_and_dead_lettered(colony: TestColony) {
    // The beginning of a compressed document, without the rest.
    let sql = format!("UPDATE specs SET payload = {}", colony.backend.literal(&[1, 0x60]));
    set_aside_and_serving_on(&colony, async |backend: &Backend| backend.execute(&sql).await, "spec").await;
}

// Case X3.
async fn an_altered_grant_is_refused_reported_and_dead_lettered(colony: TestColony) {
    let tamper = match colony.backend.kind() {
        "postgres" => {
            "UPDATE grants SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '\"ada\"', '\"eve\"'), 'UTF8') WHERE name = 'ada'"
        }
        _ => {
            "UPDATE grants SET payload = CAST(replace(CAST(payload AS TEXT), '\"ada\"', '\"eve\"') AS BLOB) WHERE name = 'ada'"
        }
    };
    set_aside_and_serving_on(&colony, async |backend: &Backend| backend.execute(tamper).await, "grant").await;
}

/// Two correctly signed specs, swapped in the database: each is wanted work, but under the wrong process.
// Case X3.
async fn a_spec_moved_to_another_process_is_refused(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let first = user.submit_json("t", "f", &1).await.unwrap().process_id;
    let second = user.submit_json("t", "f", &2).await.unwrap().process_id;
    colony
        .backend
        .execute(
            "UPDATE specs SET payload = (SELECT payload FROM specs ORDER BY submitted_at_ms, process_id LIMIT 1), \
             signature = (SELECT signature FROM specs ORDER BY submitted_at_ms, process_id LIMIT 1)",
        )
        .await;
    let (count, stop) = run_bee(bee);
    let mut ends = Vec::new();
    for id in [first, second] {
        let end = eventually("it is finished", async || {
            let state = state_of(&reader, id).await;
            [ProcessState::Succeeded, ProcessState::DeadLetter].contains(&state).then_some(state)
        })
        .await;
        ends.push(end);
    }
    ends.sort();
    assert_eq!(ends, [ProcessState::Succeeded, ProcessState::DeadLetter]);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    stop.cancel();
}
