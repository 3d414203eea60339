//! `apiary up`, all of whose files are on the disk that fails.

use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port};

use super::{SECRET, Sender, assert_all_there, column, on_each_disk, post, start_on, wait_for_readiness};

on_each_disk!(every_event_that_a_local_colony_acknowledged_is_there);

async fn every_event_that_a_local_colony_acknowledged_is_there(disk: Disk) {
    let (folder, broker, port) = (tempfile::tempdir().unwrap(), Port::take(), Port::take());
    let daemon = Daemon::new("up", &["up"], folder.path(), Some(port.address()))
        .set("APIARY_DATA", disk.path().join("data").display())
        .set("APIARY_BROKER_LISTEN", broker.address())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    let mut up = start_on(&disk, daemon).await;
    wait_for_readiness(broker.address(), 200).await;
    let mut sender = Sender::new(async |number| post(port.address(), number).await);
    sender.send_all(10).await;

    disk.fail();
    sender.send_until_refused(|status| *status == 503).await;
    wait_for_readiness(broker.address(), 503).await;
    wait_for_readiness(port.address(), 503).await;

    disk.mend();
    wait_for_readiness(broker.address(), 200).await;
    wait_for_readiness(port.address(), 200).await;
    sender.send_all(30).await;
    up.kill();
    let data = disk.path().join("data");
    // Each is with the broker, or still in the spool.
    let mut there = column(&data.join("broker.db"), "SELECT CAST(payload AS TEXT) FROM specs").await;
    there.extend(column(&data.join("spool/spool.sqlite"), "SELECT idempotency_key FROM waiting").await);
    assert_all_there(&sender.acknowledged, &there);
}
