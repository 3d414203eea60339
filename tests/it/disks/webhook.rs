//! The webhook adapter's spool, while the broker is away.

use apiary_identity::{KeyPair, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port, eventually};

use super::{REFUSALS, SECRET, WRITES_MAX, assert_all_there, column, on_each_disk, page, post, wait_for_readiness};

on_each_disk!(every_event_that_the_spool_acknowledged_is_there);

async fn every_event_that_the_spool_acknowledged_is_there(disk: Disk) {
    let (folder, nobody, port) = (tempfile::tempdir().unwrap(), Port::take(), Port::take());
    let key = folder.path().join("adapter.pem");
    write_key_file(&key, &KeyPair::generate(), None).unwrap();
    let mut webhook = Daemon::new("webhook", &["webhook"], folder.path(), Some(port.address()))
        .set("APIARY_BROKER", format!("http://{}", nobody.address()))
        .set("APIARY_COLONY", KeyPair::generate().id())
        .set("APIARY_KEY_FILE", key.display())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("APIARY_WEBHOOK_SPOOL", disk.path().join("spool").display())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    for (variable, value) in disk.environment() {
        webhook = webhook.set(variable, value);
    }
    webhook.start();
    webhook.ready().await;
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
    wait_for_readiness(port.address(), 503).await;
    assert_eq!(page(port.address(), "/healthz").await.unwrap().1["spool"]["failing"], true);

    disk.mend();
    // Nothing but the question brings it back.
    wait_for_readiness(port.address(), 200).await;
    for _ in 0..30 {
        acknowledged.push(send().await.unwrap());
    }
    let health = page(port.address(), "/healthz").await.unwrap().1;
    assert_eq!(health["spool"]["failing"], false);
    webhook.kill();
    let there = eventually("the file is let go", async || {
        Some(column(&disk.path().join("spool/spool.sqlite"), "SELECT idempotency_key FROM waiting").await)
    });
    let there = there.await;
    assert_all_there(&acknowledged, &there);
    assert_eq!(health["spool"]["events"], there.len(), "it counts what is there");
}
