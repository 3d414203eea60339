//! The broker's own file.

use std::sync::Arc;

use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, Grant, KeyPair, Role, Scopes, SystemClock};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port};
use jiff::SignedDuration;
use uuid::Uuid;

use super::{REFUSALS, WRITES_MAX, assert_all_there, column, on_each_disk, wait_for_readiness};

on_each_disk!(every_process_that_the_broker_acknowledged_is_there);

async fn every_process_that_the_broker_acknowledged_is_there(disk: Disk) {
    let (folder, port, colony) = (tempfile::tempdir().unwrap(), Port::take(), KeyPair::generate());
    let file = disk.path().join("broker.db");
    let mut broker = Daemon::new("broker", &["broker"], folder.path(), Some(port.address()))
        .set("APIARY_BROKER_LISTEN", port.address())
        .set("APIARY_DATABASE_URL", format!("sqlite:{}", file.display()))
        .set("APIARY_BROKER_SERVER_OWNER", colony.id());
    for (variable, value) in disk.environment() {
        broker = broker.set(variable, value);
    }
    broker.start();
    broker.ready().await;
    let config = ClientConfig::new(format!("http://{}", port.address()).parse().unwrap());
    let client = Client::new(&config, colony.id(), colony.clone(), Arc::new(SystemClock)).unwrap();
    client.create_colony("shop").await.unwrap();
    let user = KeyPair::generate();
    let grant = Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key: user.id(),
        role: Role::User,
        name: "ada".to_owned(),
        scopes: Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] },
        rights: Vec::new(),
        valid_from: SystemClock.now() - SignedDuration::from_mins(5),
        valid_until: SystemClock.now() + SignedDuration::from_hours(1),
    };
    client.add_grant(&Envelope::seal(&colony, &grant).unwrap()).await.unwrap();
    let client = Client::new(&config, colony.id(), user, Arc::new(SystemClock)).unwrap();
    let mut acknowledged = Vec::new();
    let send = async || {
        let spec = client.spec("t", "f");
        client.submit(&spec).await.map(|submitted| submitted.process_id.simple().to_string().to_uppercase())
    };
    for _ in 0..10 {
        acknowledged.push(send().await.unwrap());
    }
    wait_for_readiness(port.address(), 200).await;

    disk.fail();
    let mut refused = 0;
    for _ in 0..WRITES_MAX {
        match send().await {
            Ok(id) => acknowledged.push(id),
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                refused += 1;
            }
        }
        if refused == REFUSALS {
            break;
        }
    }
    assert_eq!(refused, REFUSALS, "the disk does not fail");
    let reason = wait_for_readiness(port.address(), 503).await;
    assert!(reason.contains("the database is not available"), "{reason}");

    disk.mend();
    wait_for_readiness(port.address(), 200).await;
    for _ in 0..30 {
        acknowledged.push(send().await.unwrap());
    }
    broker.kill();
    assert_all_there(&acknowledged, &column(&file, "SELECT hex(process_id) FROM specs").await);
}
