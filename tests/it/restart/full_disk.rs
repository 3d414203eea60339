//! A spool that has filled its own disk frees all space by itself.

use std::time::Duration;

use apiary_tests::{Backend, Disk, Fault, eventually_within};
use serde_json::Value;

use apiary_tests::parts::{Parts, post_once};

/// Bytes of the disk already in use by others.
const OTHERS: usize = 12 * 1024 * 1024;
/// Posts after which the disk is full for certain.
const POSTS_MAX: usize = 5000;
/// Longest time for the forwarding of all events on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

async fn health(parts: &Parts) -> Option<Value> {
    let url = format!("http://{}/healthz", parts.webhook_address);
    apiary_tests::http().get(url).send().await.ok()?.json().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_filled_its_disk_gives_all_of_it_to_the_broker_and_takes_events_again() {
    let (folder, backend, disk) = (tempfile::tempdir().unwrap(), Backend::sqlite().await, Disk::new(Fault::Full));
    std::fs::write(disk.path().join("others"), vec![0xa5; OTHERS]).unwrap();
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.webhook = parts.webhook.set("APIARY_WEBHOOK_SPOOL", disk.path().join("spool").display());
    parts.start_broker().await;
    parts.broker.kill();
    parts.webhook.start();
    parts.webhook.ready().await;

    let (mut acknowledged, mut refused) = (0, 0);
    for number in 0..POSTS_MAX {
        match post_once(parts.webhook_address, number).await.unwrap().status().as_u16() {
            202 => acknowledged += 1,
            503 => refused += 1,
            status => panic!("{status}"),
        }
        if refused == 3 {
            break;
        }
    }
    assert!(refused == 3 && acknowledged > 100, "{acknowledged} acknowledged, {refused} refused");
    // The next process that opens the file finds the disk just as full.
    parts.webhook.kill();
    parts.broker.start();
    parts.broker.ready().await;
    parts.webhook.start();

    let spool = eventually_within(PATIENCE, "the line is empty, and there is room", async || {
        let spool = health(&parts).await?["spool"].take();
        (spool["events"] == 0 && spool["full"] == false && spool["failing"] == false).then_some(spool)
    });
    let spool = spool.await;
    assert_eq!(spool["set_aside"], 0, "{spool}");
    assert_eq!(processes(&parts).await, acknowledged, "nothing is lost, and nothing is there twice");
    assert_eq!(post_once(parts.webhook_address, POSTS_MAX).await.unwrap().status(), 200);
}

/// Counts the colony's processes.
async fn processes(parts: &Parts) -> usize {
    let reader = parts.client(&parts.colony);
    let mut request = apiary_executor_sdk::v1::ListProcessesRequest { page_size: 1000, ..Default::default() };
    let mut count = 0;
    loop {
        let page = reader.list_processes(request.clone()).await.unwrap();
        count += page.processes.len();
        if page.next_page_token.is_empty() {
            return count;
        }
        request.page_token = page.next_page_token;
    }
}
