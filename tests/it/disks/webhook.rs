//! The webhook adapter's spool, while the broker is away.

use std::path::Path;

use apiary_identity::{Clock as _, KeyPair, SystemClock, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Fault, Port, eventually, stripe};

use super::{
    LITTLE, SECRET, Sender, assert_all_there, column, on_each_disk, page, post, post_event, start_on,
    wait_for_readiness,
};

on_each_disk!(every_event_that_the_spool_acknowledged_is_there);

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_whose_disk_has_room_for_a_small_row_only_is_not_ready() {
    let (folder, disk, nobody, port) =
        (tempfile::tempdir().unwrap(), Disk::new(Fault::Full), Port::take(), Port::take());
    let _webhook = start_on(&disk, adapter(folder.path(), &disk, &nobody, &port)).await;
    post(port.address(), 0).await.unwrap();
    wait_for_readiness(port.address(), 200).await;

    disk.fill_but(LITTLE);
    let mut event = stripe::subscription_created(1, SystemClock.now().as_second());
    event["data"]["object"]["description"] = "x".repeat(200_000).into();
    assert_eq!(post_event(port.address(), &event).await, Err(503));
    // Asked repeatedly, because each check could write its own small row.
    for _ in 0..3 {
        assert_eq!(page(port.address(), "/readyz").await.unwrap().0, 503);
    }
    assert_eq!(page(port.address(), "/healthz").await.unwrap().1["spool"]["failing"], true);
    disk.mend();
    post_event(port.address(), &event).await.unwrap();
    wait_for_readiness(port.address(), 200).await;
}

/// Creates an adapter whose spool is on this disk.
fn adapter(folder: &Path, disk: &Disk, nobody: &Port, port: &Port) -> Daemon {
    let key = folder.join("adapter.pem");
    write_key_file(&key, &KeyPair::generate(), None).unwrap();
    Daemon::new("webhook", &["webhook"], folder, Some(port.address()))
        .set("APIARY_BROKER", format!("http://{}", nobody.address()))
        .set("APIARY_COLONY", KeyPair::generate().id())
        .set("APIARY_KEY_FILE", key.display())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("APIARY_WEBHOOK_SPOOL", disk.path().join("spool").display())
        .set("STRIPE_WEBHOOK_SECRET", SECRET)
}

async fn every_event_that_the_spool_acknowledged_is_there(disk: Disk) {
    let (folder, nobody, port) = (tempfile::tempdir().unwrap(), Port::take(), Port::take());
    let mut webhook = start_on(&disk, adapter(folder.path(), &disk, &nobody, &port)).await;
    let mut sender = Sender::new(async |number| post(port.address(), number).await);
    sender.send_all(10).await;

    disk.fail();
    sender.send_until_refused(|status| *status == 503).await;
    wait_for_readiness(port.address(), 503).await;
    assert_eq!(page(port.address(), "/healthz").await.unwrap().1["spool"]["failing"], true);

    disk.mend();
    // Only the readiness check itself detects the recovery.
    wait_for_readiness(port.address(), 200).await;
    sender.send_all(30).await;
    let health = page(port.address(), "/healthz").await.unwrap().1;
    assert_eq!(health["spool"]["failing"], false);
    webhook.kill();
    let there = eventually("the file is let go", async || {
        Some(column(&disk.path().join("spool/spool.sqlite"), "SELECT idempotency_key FROM waiting").await)
    });
    let there = there.await;
    assert_all_there(&sender.acknowledged, &there);
    assert_eq!(health["spool"]["events"], there.len(), "it counts what is there");
}
