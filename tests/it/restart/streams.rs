//! Standard error that is closed, full or unread: work continues, whatever is logged.

use std::fs::File;
use std::io::{PipeReader, Write as _, pipe};
use std::process::Stdio;
use std::time::{Duration, Instant};

use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_tests::{Backend, eventually};
use futures::StreamExt as _;

use apiary_tests::parts::{Parts, post_once};

/// Number of events, each for a subscription of its own.
const EVENTS: usize = 40;
/// Posts in progress at the same time.
const POSTERS: usize = 4;
/// Longest time of an answer that was not delayed by the log.
const PROMPTLY: Duration = Duration::from_secs(8);
/// Capacity of a pipe on Linux.
const PIPE_BYTES: usize = 65_536;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_fails_nothing_and_delays_nothing() {
    work_goes_on(|| (pipe().unwrap().1.into(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_device_fails_nothing_and_delays_nothing() {
    work_goes_on(|| (File::options().write(true).open("/dev/full").unwrap().into(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pipe_that_nobody_reads_fails_nothing_and_delays_nothing() {
    work_goes_on(|| {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(&[b'\n'; PIPE_BYTES]).unwrap();
        (writer.into(), Some(reader))
    })
    .await;
}

/// Runs broker, adapter and bee with everything logged to such streams.
async fn work_goes_on(stream: impl Fn() -> (Stdio, Option<PipeReader>)) {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    let mut readers = Vec::new();
    let mut broken = || {
        let (stderr, reader) = stream();
        readers.extend(reader);
        stderr
    };
    for part in [&mut parts.broker, &mut parts.webhook, &mut parts.bee] {
        part.settings("APIARY_LOG_LEVEL", "trace");
    }
    parts.broker.start_with(broken());
    parts.broker.ready().await;
    parts.set_up().await;
    parts.webhook.start_with(broken());
    parts.webhook.ready().await;
    parts.bee.start_with(broken());

    let webhook = parts.webhook_address;
    let posts = futures::stream::iter(0..EVENTS).for_each_concurrent(POSTERS, |number| async move {
        let begun = Instant::now();
        let answer = post_once(webhook, number).await.unwrap_or_else(|error| panic!("no answer: {error}"));
        assert!(answer.status().is_success(), "{answer:?}");
        assert!(begun.elapsed() < PROMPTLY, "{:?}", begun.elapsed());
    });
    posts.await;
    let reader = parts.client(&parts.colony);
    let processes = eventually("every event's process succeeds", async || {
        let request = ListProcessesRequest { page_size: 1000, ..Default::default() };
        let processes = reader.list_processes(request).await.ok()?.processes;
        let succeeded = processes.iter().filter(|process| process.state() == ProcessState::Succeeded).count();
        (succeeded == EVENTS).then_some(processes)
    })
    .await;
    assert!(processes.iter().all(|process| process.attempt == 1), "no attempt failed by a log line");
    for part in [&mut parts.bee, &mut parts.webhook, &mut parts.broker] {
        assert_eq!(part.terminate().await, Some(0));
    }
}
