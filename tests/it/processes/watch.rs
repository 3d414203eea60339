//! `Watch`: the current state, then every change, then the end.

use std::time::Duration;

use apiary_broker::limits::WATCHES_PER_KEY_MAX;
use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_executor_sdk::{Client, Sighting, Watch};
use apiary_identity::Envelope;
use apiary_tests::{TestColony, eventually};
use uuid::Uuid;

on_each_store!(
    it_follows_one_process_to_its_end,
    it_follows_a_filter,
    a_finished_process_ends_the_watch_at_once,
    a_stopping_broker_ends_watches,
    an_unknown_process_is_refused,
    one_reader_cannot_take_every_place,
    progress_and_log_lines_are_watched_to_the_last,
    log_lines_are_watched_on_another_broker
);

fn of(process_id: impl ToString) -> v1::WatchRequest {
    v1::WatchRequest { process_id: process_id.to_string(), ..Default::default() }
}

async fn it_follows_one_process_to_its_end(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Waiting);
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Running);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Succeeded);
    assert!(watch.next().await.is_none());
}

async fn it_follows_a_filter(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let filter = v1::ProcessFilter { executor_type: "t".into(), ..Default::default() };
    let mut watch = reader.watch(v1::WatchRequest { filter: Some(filter), ..Default::default() }).await.unwrap();
    user.submit_json("other", "f", &()).await.unwrap();
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let seen = watch.next().await.unwrap().unwrap();
    assert_eq!(seen.process_id, id.to_string());
}

async fn a_finished_process_ends_the_watch_at_once(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), ProcessState::Succeeded);
    assert!(watch.next().await.is_none());
}

async fn a_stopping_broker_ends_watches(mut colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut watch = reader.watch(of(id)).await.unwrap();
    assert!(watch.next().await.unwrap().is_ok());
    colony.stop().await;
    let ended = watch.next().await.unwrap().unwrap_err();
    assert!(ended.is_retryable(), "{ended}");
}

async fn an_unknown_process_is_refused(colony: TestColony) {
    let reader = colony.reader().await;
    let unknown = reader.watch(of(uuid::Uuid::now_v7())).await.err().unwrap();
    assert_eq!(unknown.reason(), Some("NOT_FOUND"));
    let both = v1::WatchRequest {
        process_id: uuid::Uuid::now_v7().to_string(),
        filter: Some(v1::ProcessFilter::default()),
        logs: false,
    };
    assert_eq!(reader.watch(both).await.err().unwrap().reason(), Some("INVALID"));
    let logs_of_many = v1::WatchRequest { logs: true, ..Default::default() };
    assert_eq!(reader.watch(logs_of_many).await.err().unwrap().reason(), Some("INVALID"));
    let user = colony.user("ada").await;
    assert_eq!(user.watch(of(uuid::Uuid::now_v7())).await.err().unwrap().reason(), Some("NOT_PERMITTED"));
}

async fn one_reader_cannot_take_every_place(colony: TestColony) {
    let (user, reader, owner) = (colony.user("ada").await, colony.reader().await, colony.client(&colony.key));
    let all = || v1::WatchRequest { filter: Some(v1::ProcessFilter::default()), ..Default::default() };
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let mut open = Vec::new();
    for _ in 0..WATCHES_PER_KEY_MAX {
        open.push(reader.watch(all()).await.unwrap());
    }
    for refused in [reader.watch(all()).await.map(drop), reader.r#await(id, Duration::ZERO).await.map(drop)] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason(), Some("OVERLOADED"));
        assert!(refused.to_string().contains("256 watches of this key"), "{refused}");
    }
    assert!(owner.watch(all()).await.is_ok(), "others watch");
    open.clear();
    eventually("its places are free again", async || reader.watch(all()).await.ok().map(drop)).await;
}

/// Returns the next event on a line: a state with its progress, or log lines.
async fn next(watch: &mut Watch) -> Option<String> {
    let next = tokio::time::timeout(Duration::from_secs(30), watch.next_sighting());
    Some(match next.await.expect("something is seen in time")?.unwrap() {
        Sighting::Process(process) => format!("{:?} {} {}", process.state(), process.percent, process.progress),
        Sighting::Logs(lines) => lines.into_iter().map(|line| line.message).collect::<Vec<_>>().join(","),
    })
}

async fn log(bee: &Client, id: Uuid, attempt: i32, messages: &[&str]) {
    let line = |message: &&str| v1::NewLogLine {
        time_ms: 1,
        level: "info".into(),
        message: (*message).to_owned(),
        fields: String::new(),
    };
    bee.add_logs(id, attempt, messages.iter().map(line).collect()).await.unwrap();
}

async fn progress_and_log_lines_are_watched_to_the_last(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    log(&bee, id, lease.attempt, &["before"]).await;
    let with_logs = v1::WatchRequest { logs: true, ..of(id) };
    let mut watch = reader.watch(with_logs).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), "Running -1 ");
    log(&bee, id, lease.attempt, &["one", "two"]).await;
    assert_eq!(next(&mut watch).await.unwrap(), "one,two", "lines from now on, none from before");
    let mut progress = colony.progress(&lease, 1).with_message("half");
    progress.percent = Some(50.0);
    bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), "Running 50 half");
    // More than one message can hold, and the end right after it.
    let many: Vec<String> = (0..450).map(|number| number.to_string()).collect();
    log(&bee, id, lease.attempt, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let mut seen = String::new();
    let end = loop {
        match next(&mut watch).await.unwrap() {
            state if state.contains(' ') => break state,
            lines => seen = if seen.is_empty() { lines } else { format!("{seen},{lines}") },
        }
    };
    assert_eq!(seen, many.join(","), "the last lines come before the end");
    assert_eq!(end, "Succeeded 50 half");
    assert!(next(&mut watch).await.is_none());
}

async fn log_lines_are_watched_on_another_broker(colony: TestColony) {
    let Some(peer) = colony.start_peer_if_shared().await else { return };
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let far = peer.client(colony.key.id(), &colony.key_of("reader"));
    let mut watch = far.watch(v1::WatchRequest { logs: true, ..of(id) }).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), "Running -1 ");
    // Before the slow poll, which would find them, too.
    for words in ["one", "two", "three"] {
        let began = tokio::time::Instant::now();
        log(&bee, id, lease.attempt, &[words]).await;
        assert_eq!(next(&mut watch).await.unwrap(), words);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
    let progress = colony.progress(&lease, 1).with_message("half");
    bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), "Running -1 half");
    drop(watch);
    peer.stop().await;
}
