//! The broker's own file.

use std::sync::Arc;

use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Content, KeyPair, SystemClock};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Fault, Port, eventually, random};

use super::{
    LITTLE, Sender, add_user, assert_all_there, broker_of, column, on_each_disk, page, start_on, wait_for_readiness,
};

on_each_disk!(every_process_that_the_broker_acknowledged_is_there);

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_starts_on_a_full_disk_waits_for_room() {
    let (folder, disk, port) = (tempfile::tempdir().unwrap(), Disk::new(Fault::Full), Port::take());
    let mut broker = broker_of(&disk, folder.path(), &port);
    disk.fail();
    let is_waiting = |broker: &Daemon| broker.words().contains("the database is not available yet").then_some(());
    broker.start();
    eventually("it says that it waits", async || is_waiting(&broker)).await;
    assert!(broker.words().contains("the disk is full; make room"), "{}", broker.last_words());
    assert_eq!(broker.terminate().await, Some(0), "{}", broker.last_words());
    broker.start();
    disk.mend();
    broker.ready().await;
    wait_for_readiness(port.address(), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_disk_has_room_for_a_small_row_only_is_not_ready() {
    let (folder, disk, port, colony) =
        (tempfile::tempdir().unwrap(), Disk::new(Fault::Full), Port::take(), KeyPair::generate());
    let daemon = broker_of(&disk, folder.path(), &port).set("APIARY_BROKER_SERVER_OWNER", colony.id());
    let _broker = start_on(&disk, daemon).await;
    let config = ClientConfig::new(format!("http://{}", port.address()).parse().unwrap());
    let owner = Client::new(&config, colony.id(), colony.clone(), Arc::new(SystemClock)).unwrap();
    owner.create_colony("shop").await.unwrap();
    let client = Client::new(&config, colony.id(), add_user(&owner, &colony).await, Arc::new(SystemClock)).unwrap();
    let submit = async |bytes| {
        // Noise, because documents are stored compressed.
        let args = Content::from_bytes(&random::noise(bytes));
        client.submit(&client.spec("t", "f").with_args(args)).await
    };
    submit(1).await.unwrap();
    wait_for_readiness(port.address(), 200).await;

    disk.fill_but(LITTLE);
    let refusal = submit(200_000).await.unwrap_err();
    assert!(refusal.is_retryable(), "{refusal}");
    // Asked repeatedly, because each check could write its own small row.
    for _ in 0..3 {
        let (status, readiness) = page(port.address(), "/readyz").await.unwrap();
        assert_eq!(status, 503, "{readiness}");
        assert!(readiness["reason"].as_str().unwrap().contains("the disk is full; make room"), "{readiness}");
    }
    disk.mend();
    submit(200_000).await.unwrap();
    wait_for_readiness(port.address(), 200).await;
}

async fn every_process_that_the_broker_acknowledged_is_there(disk: Disk) {
    let (folder, port, colony) = (tempfile::tempdir().unwrap(), Port::take(), KeyPair::generate());
    let file = disk.path().join("broker.db");
    let daemon = broker_of(&disk, folder.path(), &port).set("APIARY_BROKER_SERVER_OWNER", colony.id());
    let mut broker = start_on(&disk, daemon).await;
    let config = ClientConfig::new(format!("http://{}", port.address()).parse().unwrap());
    let client = Client::new(&config, colony.id(), colony.clone(), Arc::new(SystemClock)).unwrap();
    client.create_colony("shop").await.unwrap();
    let user = add_user(&client, &colony).await;
    let owner = client;
    let client = Client::new(&config, colony.id(), user, Arc::new(SystemClock)).unwrap();
    let mut sender = Sender::new(async |_| {
        let spec = client.spec("t", "f");
        client.submit(&spec).await.map(|submitted| submitted.process_id.simple().to_string().to_uppercase())
    });
    sender.send_all(10).await;
    wait_for_readiness(port.address(), 200).await;

    disk.fail();
    sender.send_until_refused(|error| error.is_retryable()).await;
    let reason = wait_for_readiness(port.address(), 503).await;
    assert!(reason.contains("the database is not available"), "{reason}");
    let health = owner.get_health().await.unwrap();
    let found = health.findings.first().unwrap_or_else(|| panic!("health tells nothing, and readiness: {reason}"));
    assert!(!health.healthy && found.kind == "BROKER_NOT_READY", "{found:?}");
    assert!(found.text.contains("the database is not available"), "{found:?}");
    assert!(!owner.is_ready().await.unwrap());

    disk.mend();
    wait_for_readiness(port.address(), 200).await;
    assert_eq!(owner.get_health().await.unwrap().findings, []);
    sender.send_all(30).await;
    broker.kill();
    assert_all_there(&sender.acknowledged, &column(&file, "SELECT hex(process_id) FROM specs").await);
}
