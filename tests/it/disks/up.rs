//! `apiary up` with all its files on the failing disk.

use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Fault, Port, eventually};
use nix::sys::signal::Signal;

use super::{SECRET, Sender, assert_all_there, column, on_each_disk, post, start_on, wait_for_readiness};

on_each_disk!(every_event_that_a_local_colony_acknowledged_is_there);

/// Number of log lines in which a daemon says that it waits.
fn waits(up: &Daemon) -> usize {
    up.words().matches("the colony is not available yet").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colony_that_starts_on_a_full_disk_waits_for_room_and_ends_at_once_when_it_is_told() {
    let (folder, disk, broker, port) =
        (tempfile::tempdir().unwrap(), Disk::new(Fault::Full), Port::take(), Port::take());
    let mut up = Daemon::new("up", &["up"], folder.path(), Some(port.address()))
        .set("APIARY_DATA", disk.path().join("data").display())
        .set("APIARY_BROKER_LISTEN", broker.address())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    // At the first start, and with an existing colony.
    for _ in 0..2 {
        disk.fail();
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let before = waits(&up);
            up.start();
            eventually("it says that it waits", async || (waits(&up) > before).then_some(())).await;
            assert!(up.words().contains("No space left on device"), "{}", up.last_words());
            up.signal(signal);
            assert_eq!(up.ended().await, Some(0), "{}", up.last_words());
        }
        let before = waits(&up);
        up.start();
        eventually("it says that it waits", async || (waits(&up) > before).then_some(())).await;
        disk.mend();
        up.ready().await;
        wait_for_readiness(broker.address(), 200).await;
        post(port.address(), before).await.unwrap();
        assert_eq!(up.terminate().await, Some(0), "{}", up.last_words());
    }
}

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
    let mut there =
        column(&data.join("broker.db"), "SELECT key FROM idempotency_keys JOIN specs USING (process_id)").await;
    there.extend(column(&data.join("spool/spool.sqlite"), "SELECT idempotency_key FROM waiting").await);
    assert_all_there(&sender.acknowledged, &there);
}
