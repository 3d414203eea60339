//! The webhook adapter's spool, while the broker is away.

use apiary_identity::{KeyPair, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port, eventually};

use super::{SECRET, Sender, assert_all_there, column, on_each_disk, page, post, start_on, wait_for_readiness};

on_each_disk!(every_event_that_the_spool_acknowledged_is_there);

async fn every_event_that_the_spool_acknowledged_is_there(disk: Disk) {
    let (folder, nobody, port) = (tempfile::tempdir().unwrap(), Port::take(), Port::take());
    let key = folder.path().join("adapter.pem");
    write_key_file(&key, &KeyPair::generate(), None).unwrap();
    let daemon = Daemon::new("webhook", &["webhook"], folder.path(), Some(port.address()))
        .set("APIARY_BROKER", format!("http://{}", nobody.address()))
        .set("APIARY_COLONY", KeyPair::generate().id())
        .set("APIARY_KEY_FILE", key.display())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("APIARY_WEBHOOK_SPOOL", disk.path().join("spool").display())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    let mut webhook = start_on(&disk, daemon).await;
    let mut sender = Sender::new(async |number| post(port.address(), number).await);
    sender.send_all(10).await;

    disk.fail();
    sender.send_until_refused(|status| *status == 503).await;
    wait_for_readiness(port.address(), 503).await;
    assert_eq!(page(port.address(), "/healthz").await.unwrap().1["spool"]["failing"], true);

    disk.mend();
    // Nothing but the question brings it back.
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
