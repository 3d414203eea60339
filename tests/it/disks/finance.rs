//! The finance bee's record.

use std::path::Path;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Clock as _, Role, SystemClock, write_key_file};
use apiary_tests::colony::state_of;
use apiary_tests::daemon::Daemon;
use apiary_tests::{Backend, Disk, Fault, TestColony, eventually, eventually_within, stripe};
use uuid::Uuid;

use super::{assert_all_there, column, on, on_each_disk};

on_each_disk!(every_event_that_the_finance_bee_applied_is_there);

#[tokio::test(flavor = "multi_thread")]
async fn a_bee_that_starts_on_a_full_disk_waits_for_room() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), Disk::new(Fault::Full));
    let colony = TestColony::start(Backend::sqlite().await).await;
    let (user, reader) = (colony.user("adapter").await, colony.reader().await);
    let mut bee = bee_of(&colony, folder.path(), &disk).await;
    disk.fail();
    bee.start();
    eventually("it says that it waits", async || bee.words().contains("is not available yet").then_some(())).await;
    let event = stripe::subscription_created(0, SystemClock.now().as_second());
    let submitted = user.submit_json("finance", "stripe.event", &event).await.unwrap();
    disk.mend();
    wait_until(&reader, submitted.process_id, ProcessState::Succeeded).await;
}

/// Creates a finance bee with its grant and its record on this disk.
async fn bee_of(colony: &TestColony, folder: &Path, disk: &Disk) -> Daemon {
    colony.grant("finance", Role::Executor, &["*"], &["finance"], &[]).await;
    let key = folder.join("finance.pem");
    write_key_file(&key, &colony.key_of("finance"), None).unwrap();
    let bee = Daemon::new("finance", &["bee", "finance"], folder, None)
        .set("APIARY_BROKER", format!("http://{}", colony.address()))
        .set("APIARY_COLONY", colony.key.id())
        .set("APIARY_KEY_FILE", key.display())
        .set("APIARY_FINANCE_SQLITE", disk.path().join("record.db").display());
    on(disk, bee)
}

/// Longest wait of the broker before it hands out an unapplied event again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

async fn every_event_that_the_finance_bee_applied_is_there(disk: Disk) {
    let folder = tempfile::tempdir().unwrap();
    let colony = TestColony::start(Backend::sqlite().await).await;
    let (user, reader) = (colony.user("adapter").await, colony.reader().await);
    let file = disk.path().join("record.db");
    let mut bee = bee_of(&colony, folder.path(), &disk).await;
    bee.start();
    let mut number = 0..;
    let mut send = async || {
        let event = stripe::subscription_created(number.next().unwrap(), SystemClock.now().as_second());
        let id = event["id"].as_str().unwrap().to_owned();
        (id, user.submit_json("finance", "stripe.event", &event).await.unwrap().process_id)
    };
    let mut applied = Vec::new();
    for _ in 0..5 {
        let (id, process_id) = send().await;
        wait_until(&reader, process_id, ProcessState::Succeeded).await;
        applied.push(id);
    }

    disk.fail();
    let mut waiting = Vec::new();
    for _ in 0..400 {
        let (id, process_id) = send().await;
        let state = eventually_within(PATIENCE, "it is applied or put off", async || {
            let state = state_of(&reader, process_id).await;
            let is_put_off = matches!(state, ProcessState::Blocked) || attempts(&reader, process_id).await > 1;
            (state == ProcessState::Succeeded || is_put_off).then_some(state)
        })
        .await;
        if state == ProcessState::Succeeded {
            applied.push(id);
        } else {
            waiting.push((id, process_id));
        }
        if waiting.len() == 2 {
            break;
        }
    }
    assert_eq!(waiting.len(), 2, "the disk does not fail");

    disk.mend();
    for (id, process_id) in waiting {
        wait_until(&reader, process_id, ProcessState::Succeeded).await;
        applied.push(id);
    }
    for _ in 0..5 {
        let (id, process_id) = send().await;
        wait_until(&reader, process_id, ProcessState::Succeeded).await;
        applied.push(id);
    }
    bee.kill();
    assert_all_there(&applied, &column(&file, "SELECT id FROM stripe_events").await);
}

async fn wait_until(reader: &Client, process_id: Uuid, wanted: ProcessState) {
    eventually_within(PATIENCE, "the event is applied", async || {
        (state_of(reader, process_id).await == wanted).then_some(())
    })
    .await;
}

async fn attempts(reader: &Client, process_id: Uuid) -> i32 {
    reader.get_process(process_id).await.unwrap().process.unwrap().attempt
}
