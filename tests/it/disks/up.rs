//! `apiary up`, all of whose files are on the disk that fails.

use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port};

use super::{REFUSALS, SECRET, WRITES_MAX, assert_all_there, column, on_each_disk, post, wait_for_readiness};

on_each_disk!(every_event_that_a_local_colony_acknowledged_is_there);

async fn every_event_that_a_local_colony_acknowledged_is_there(disk: Disk) {
    let (folder, broker, port) = (tempfile::tempdir().unwrap(), Port::take(), Port::take());
    let mut up = Daemon::new("up", &["up"], folder.path(), Some(port.address()))
        .set("APIARY_DATA", disk.path().join("data").display())
        .set("APIARY_BROKER_LISTEN", broker.address())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    for (variable, value) in disk.environment() {
        up = up.set(variable, value);
    }
    up.start();
    up.ready().await;
    wait_for_readiness(broker.address(), 200).await;
    let mut acknowledged = Vec::new();
    let mut number = 0..;
    let mut send = async || post(port.address(), "/webhooks/stripe", SECRET, number.next().unwrap()).await;
    for _ in 0..10 {
        acknowledged.push(send().await.unwrap());
    }

    disk.fail();
    let mut refused = 0;
    for _ in 0..WRITES_MAX {
        match send().await {
            Ok(id) => acknowledged.push(id),
            Err(status) => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
        if refused == REFUSALS {
            break;
        }
    }
    assert_eq!(refused, REFUSALS, "the disk does not fail");
    wait_for_readiness(broker.address(), 503).await;
    wait_for_readiness(port.address(), 503).await;

    disk.mend();
    wait_for_readiness(broker.address(), 200).await;
    wait_for_readiness(port.address(), 200).await;
    for _ in 0..30 {
        acknowledged.push(send().await.unwrap());
    }
    up.kill();
    let data = disk.path().join("data");
    // Each is with the broker, or still in the spool.
    let mut there = column(&data.join("broker.db"), "SELECT CAST(payload AS TEXT) FROM specs").await;
    there.extend(column(&data.join("spool/spool.sqlite"), "SELECT idempotency_key FROM waiting").await);
    assert_all_there(&acknowledged, &there);
}
