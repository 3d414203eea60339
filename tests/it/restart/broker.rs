//! The broker stops and starts again; executors and submitters notice only a pause.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_broker::config::{Config, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig};
use apiary_broker::{Broker, StartError};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{CancellationToken, Executor, Failure, Work, retry};
use apiary_identity::SystemClock;
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually};

on_each_store!(
    waiting_and_running_work_survives_a_restart,
    a_waiting_poll_is_answered_when_the_broker_stops,
    executors_and_submitters_ride_over_restarts
);

async fn waiting_and_running_work_survives_a_restart(mut colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let running = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let waiting = user.submit_json("t", "f", &()).await.unwrap().process_id;
    colony.stop().await;
    colony.start_again().await;
    assert_eq!(state_of(&reader, running).await, ProcessState::Running);
    assert_eq!(state_of(&reader, waiting).await, ProcessState::Waiting);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(colony.claim_one(&bee, "t").await.process_id, waiting.to_string());
}

async fn a_waiting_poll_is_answered_when_the_broker_stops(mut colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let poll = tokio::spawn(async move { claim(&bee, "t", 1, Duration::from_secs(50)).await });
    colony.wait_for_polls(1).await;
    colony.stop().await;
    let answer = tokio::time::timeout(Duration::from_secs(5), poll).await;
    assert!(answer.unwrap().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_start_that_fails_leaves_nothing_behind() {
    let (folder, taken) = (tempfile::tempdir().unwrap(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "dear diary").unwrap();
    let start = |address, socket| {
        let listen = ListenConfig { address: Some(address), socket, ..ListenConfig::default() };
        let store = StoreConfig::Sqlite { path: folder.path().join("broker.db") };
        let (retention, executors) = (RetentionConfig::default(), ExecutorsConfig::default());
        let config = Config { listen, store, migrate: true, server_owner: None, retention, executors };
        Broker::start(config, &Supervisor::new(Arc::new(SystemClock)), Arc::new(SystemClock))
    };
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    for (address, socket) in [(taken.local_addr().unwrap(), None), (free, Some(notes.clone()))] {
        let error = start(address, socket).await.err().unwrap();
        assert!(matches!(error, StartError::Listen { .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "dear diary", "a file that is no socket is somebody's");
    start(free, None).await.unwrap().stop().await;
}

async fn executors_and_submitters_ride_over_restarts(mut colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let (done, stop) = (Arc::new(Mutex::new(HashSet::new())), CancellationToken::new());
    let (seen, token) = (done.clone(), stop.clone());
    let running = tokio::spawn(async move {
        let executor = Executor::builder(bee)
            .executor_type("t")
            .slots(4)
            .handle("f", move |work: Work| {
                let seen = seen.clone();
                async move {
                    seen.lock().unwrap().insert(work.process_id());
                    Ok::<_, Failure>(())
                }
            })
            .build()
            .unwrap();
        executor.run(token).await
    });
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let submitter = tokio::spawn(async move {
        let mut ids = Vec::new();
        for _ in 0..60 {
            let spec = user.spec("t", "f");
            retry(Duration::from_secs(30), || user.submit(&spec)).await.unwrap();
            ids.push(spec.process_id);
            counter.fetch_add(1, Ordering::SeqCst);
            // The load's pace: at this one, the restarts fall into it.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ids
    });
    for acknowledged in [15, 30, 45] {
        eventually("the load goes on", async || count.load(Ordering::SeqCst) >= acknowledged).await;
        colony.stop().await;
        colony.start_again().await;
    }
    let ids = submitter.await.unwrap();
    for id in &ids {
        eventually("it succeeds", async || {
            let process = reader.get_process(*id).await.ok()?.process?;
            (process.state() == ProcessState::Succeeded).then_some(())
        })
        .await;
    }
    assert_eq!(*done.lock().unwrap(), ids.into_iter().collect::<HashSet<_>>());
    stop.cancel();
    running.await.unwrap().unwrap();
}
