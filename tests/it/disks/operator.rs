//! The operator of a broker whose disk is full: every command about health names the disk, and none reports that all is
//! well.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{KeyPair, SystemClock, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Fault, Port, apiary_binary, eventually};

use super::{SECRET, Sender, add_user, broker_of, page, post, start_on, wait_for_readiness};

/// The exit code of `colony health` when something needs attention.
const ATTENTION: i32 = 10;

/// Runs a command beside the daemons; returns its exit code and what it printed.
fn run(folder: &Path, settings: &[(&str, String)], arguments: &[&str]) -> (Option<i32>, String) {
    let settings = settings.iter().map(|(variable, value)| (*variable, value));
    let ran = Command::new(apiary_binary())
        .args(arguments)
        .env_clear()
        .envs(settings)
        .env("COLUMNS", "400")
        .current_dir(folder)
        .output()
        .unwrap();
    (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_broker_is_named_by_health_doctor_and_the_adapter_until_there_is_room() {
    let (folder, disk, port, door) = (tempfile::tempdir().unwrap(), Disk::new(Fault::Full), Port::take(), Port::take());
    let colony = KeyPair::generate();
    let daemon = broker_of(&disk, folder.path(), &port).set("APIARY_BROKER_SERVER_OWNER", colony.id());
    let _broker = start_on(&disk, daemon).await;
    let config = ClientConfig::new(format!("http://{}", port.address()).parse().unwrap());
    let client = Client::new(&config, colony.id(), colony.clone(), Arc::new(SystemClock)).unwrap();
    client.create_colony("shop").await.unwrap();
    let keys = ["colony.pem", "adapter.pem"].map(|name| folder.path().join(name));
    write_key_file(&keys[0], &colony, None).unwrap();
    write_key_file(&keys[1], &add_user(&client, &colony).await, None).unwrap();
    let settings = [
        ("APIARY_BROKER", format!("http://{}", port.address())),
        ("APIARY_COLONY", colony.id().to_string()),
        ("APIARY_KEY_FILE", keys[0].display().to_string()),
        ("APIARY_WEBHOOK_LISTEN", door.address().to_string()),
    ];
    let mut webhook = Daemon::new("webhook", &["webhook"], folder.path(), Some(door.address()));
    for (variable, value) in &settings {
        webhook = webhook.set(variable, value);
    }
    // The spool's disk has room.
    let mut webhook = webhook
        .set("APIARY_KEY_FILE", keys[1].display())
        .set("APIARY_WEBHOOK_SPOOL", folder.path().join("spool").display())
        .set("STRIPE_WEBHOOK_SECRET", SECRET);
    webhook.start();
    webhook.ready().await;
    let apiary = |arguments: &[&str]| run(folder.path(), &settings, arguments);
    let mut sender = Sender::new(async |number| post(door.address(), number).await);
    sender.send_all(3).await;
    assert_eq!(apiary(&["colony", "health"]).0, Some(0));

    disk.fail();
    sender.send_all(10).await;
    wait_for_readiness(port.address(), 503).await;
    sender.send_all(3).await;
    let (code, health) = apiary(&["colony", "health"]);
    assert!(code == Some(ATTENTION) && health.contains("BROKER_NOT_READY"), "{code:?}: {health}");
    assert!(health.contains("the disk is full; make room"), "{health}");
    let adapter = eventually("the adapter tells what the broker answered", async || {
        let health = page(door.address(), "/healthz").await?.1;
        health["notices"].as_array()?.iter().find(|notice| notice["cause"] == "UNAVAILABLE").cloned()
    });
    let adapter = adapter.await;
    assert_eq!(adapter["kind"], "BROKER_AWAY");
    assert!(adapter["remedy"].as_str().unwrap().contains("/readyz"), "{adapter}");
    let (code, doctor) = apiary(&["doctor"]);
    assert_eq!(code, Some(1), "{doctor}");
    let broker = doctor.lines().find(|line| line.contains("  broker ")).unwrap();
    assert!(broker.starts_with("BAD") && broker.contains("the disk is full; make room"), "{doctor}");
    assert!(doctor.contains("with UNAVAILABLE") && !doctor.contains("gets no answer"), "{doctor}");
    // A key without the right to read the health gets a warning, too, without the reason.
    let mut narrow = settings.clone();
    narrow[2].1 = keys[1].display().to_string();
    let (code, doctor) = run(folder.path(), &narrow, &["doctor", "--only", "broker"]);
    assert!(code == Some(1) && doctor.contains("not ready") && doctor.contains("/readyz"), "{doctor}");

    disk.mend();
    eventually("all is well", async || (apiary(&["colony", "health"]).0 == Some(0)).then_some(())).await;
    let doctor = || apiary(&["doctor", "--only", "broker", "--only", "webhook"]);
    eventually("the adapter has nothing to tell", async || {
        let (code, words) = doctor();
        (code == Some(0) && !words.contains("UNAVAILABLE") && words.contains(" 0 events in its spool")).then_some(())
    })
    .await;
}
