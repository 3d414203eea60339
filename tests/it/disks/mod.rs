//! Disks that are full, read-only or broken: everything acknowledged is stored, as a second program reads it, and once
//! the disk works again everything continues without a restart. For each part that writes a SQLite file, as a real
//! process.

mod broker;
mod finance;
mod operator;
mod up;
mod webhook;

/// Runs each named test, an `async fn(Disk)` beside the call, on a disk of each kind.
macro_rules! on_each_disk {
    ($($name:ident),+ $(,)?) => {
        mod full_disk {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::Disk::new(apiary_tests::Fault::Full)).await;
            })+
        }
        mod immutable_disk {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::Disk::new(apiary_tests::Fault::Immutable)).await;
            })+
        }
        mod failing_fsync {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::Disk::new(apiary_tests::Fault::FailingFsync)).await;
            })+
        }
    };
}
use on_each_disk;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_identity::{Clock as _, Envelope, KeyPair, Role, SystemClock};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Disk, Port, eventually, grant_document, http, stripe};
use serde_json::Value;

/// The signing secret of every webhook here.
const SECRET: &str = "whsec_only_for_this_test";
/// Refusals after which the failure is certain to last: the first may leave the driver in a wrong state, which the
/// second used to hide.
const REFUSALS: usize = 3;
/// Free bytes in which a small row fits, and a large document does not.
const LITTLE: u64 = 64 * 1024;
/// Writes that a failing disk may still accept, into space already allocated to the files.
const WRITES_MAX: usize = 5000;

/// Creates a daemon whose files are on this disk.
fn on(disk: &Disk, daemon: Daemon) -> Daemon {
    disk.environment().into_iter().fold(daemon, |daemon, (variable, value)| daemon.set(variable, value))
}

/// Creates a daemon whose files are on this disk, and starts it.
async fn start_on(disk: &Disk, daemon: Daemon) -> Daemon {
    let mut daemon = on(disk, daemon);
    daemon.start();
    daemon.ready().await;
    daemon
}

/// Creates a broker whose database is on the disk; its logs are in the folder.
fn broker_of(disk: &Disk, folder: &Path, port: &Port) -> Daemon {
    Daemon::new("broker", &["broker"], folder, Some(port.address()))
        .set("APIARY_BROKER_LISTEN", port.address())
        .set("APIARY_DATABASE_URL", format!("sqlite:{}", disk.path().join("broker.db").display()))
}

/// Creates a key that may submit anything, with a grant added by the colony's client.
async fn add_user(client: &Client, colony: &KeyPair) -> KeyPair {
    let user = KeyPair::generate();
    let grant = grant_document(colony, &user, "ada", Role::User, (&["*"], &["*"]), &[]);
    client.add_grant(&Envelope::seal(colony, &grant).unwrap()).await.unwrap();
    user
}

/// Writes to a daemon, with the acknowledged ones.
struct Sender<S> {
    send: S,
    numbers: usize,
    acknowledged: Vec<String>,
}

impl<S: AsyncFnMut(usize) -> Result<String, E>, E: Debug> Sender<S> {
    /// Creates writes sent by this function, which gets the number of the write, and returns the text by which it is
    /// found again.
    fn new(send: S) -> Self {
        Self { send, numbers: 0, acknowledged: Vec::new() }
    }

    /// Sends this many writes, all of which must be acknowledged.
    async fn send_all(&mut self, count: usize) {
        for _ in 0..count {
            self.send().await.unwrap();
        }
    }

    /// Sends until the disk is certain to have failed. Each refusal must be one of these.
    async fn send_until_refused(&mut self, is_right: impl Fn(&E) -> bool) {
        let mut refused = 0;
        for _ in 0..WRITES_MAX {
            if let Err(refusal) = self.send().await {
                assert!(is_right(&refusal), "{refusal:?}");
                refused += 1;
            }
            if refused == REFUSALS {
                return;
            }
        }
        panic!("the disk does not fail");
    }

    async fn send(&mut self) -> Result<(), E> {
        let number = self.numbers;
        self.numbers += 1;
        self.acknowledged.push((self.send)(number).await?);
        Ok(())
    }
}

/// Reads a page of a daemon: its status, and its JSON.
async fn page(address: SocketAddr, path: &str) -> Option<(u16, Value)> {
    let answer = http().get(format!("http://{address}{path}")).timeout(Duration::from_secs(8)).send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}

/// Waits until `/readyz` answers with this status; returns its reason.
async fn wait_for_readiness(address: SocketAddr, status: u16) -> String {
    let found = eventually("readiness is as the disk is", async || {
        page(address, "/readyz").await.filter(|(found, _)| *found == status)
    });
    found.await.1["reason"].as_str().unwrap_or_default().to_owned()
}

/// Posts a Stripe event once; returns its id if it was acknowledged, else the answer's status.
async fn post(webhook: SocketAddr, number: usize) -> Result<String, u16> {
    post_event(webhook, &stripe::subscription_created(number, SystemClock.now().as_second())).await
}

/// Posts this event once; returns its id if it was acknowledged, else the answer's status.
async fn post_event(webhook: SocketAddr, event: &Value) -> Result<String, u16> {
    let body = event.to_string();
    let signature = stripe::signature(SECRET, body.as_bytes(), SystemClock.now().as_second());
    let request = http().post(format!("http://{webhook}/webhooks/stripe")).header("stripe-signature", signature);
    match request.body(body).send().await {
        Ok(answer) if answer.status().is_success() => Ok(event["id"].as_str().unwrap().to_owned()),
        Ok(answer) => Err(answer.status().as_u16()),
        Err(error) => panic!("the connection was cut: {error}"),
    }
}

/// Returns the first column of a query on a file, by a connection of its own.
async fn column(file: &Path, sql: &'static str) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
}

/// Fails unless everything acknowledged is there.
fn assert_all_there(acknowledged: &[String], there: &[String]) {
    let lost: Vec<_> = acknowledged.iter().filter(|id| !there.iter().any(|found| found.contains(*id))).collect();
    assert!(lost.is_empty(), "{} of {} were acknowledged and lost: {lost:?}", lost.len(), acknowledged.len());
}
