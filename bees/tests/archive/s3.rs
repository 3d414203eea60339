//! The archive on a real server that speaks S3: `rclone serve s3`.
//!
//! `APIARY_TEST_RCLONE` is the program.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use apiary_bees::archive::{ArchiveBee, Storage, open, read_process};
use apiary_bees::{Bee as _, Check};
use apiary_executor_sdk::CancellationToken;
use apiary_identity::SystemClock;
use apiary_settings::{Origin, Setting, Value, Values};
use apiary_tests::{Backend, Port, TestColony, eventually_within};
use tempfile::TempDir;

use crate::scene::{Scene, archive_all, files};

/// A running server; killed on drop.
struct Server {
    child: Child,
    port: Port,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// A server with one bucket, `archive`.
    async fn start() -> Self {
        let program = std::env::var("APIARY_TEST_RCLONE")
            .unwrap_or_else(|_| panic!("APIARY_TEST_RCLONE is not set: run `cargo xtask test`"));
        let (folder, port) = (tempfile::tempdir().unwrap(), Port::take());
        std::fs::create_dir(folder.path().join("archive")).unwrap();
        let child = Command::new(program)
            .args(["serve", "s3", "--auth-key", "key,secret", "--addr", &port.address().to_string(), "--config", ""])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = port.address();
        eventually_within(Duration::from_secs(30), "the server listens", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
        Self { child, port, folder }
    }

    fn settings(&self, secret: &str) -> Values {
        let mut values = Values::default();
        let endpoint = format!("http://{}", self.port.address());
        for (key, text) in [
            ("archive.url", "s3://archive/colony"),
            ("archive.endpoint", endpoint.as_str()),
            ("archive.access_key_id", "key"),
            ("archive.secret_access_key", secret),
            ("archive.region", "us-east-1"),
        ] {
            let setting: &Setting = ArchiveBee.settings().iter().find(|setting| setting.key == key).unwrap();
            values.put(setting, Value::Text(text.to_owned()), Origin::Default);
        }
        values
    }

    fn storage(&self, secret: &str) -> Storage {
        open(&self.settings(secret)).unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_a_bucket_is_written_checked_and_restored() {
    let server = Server::start().await;
    let mut scene = Scene::new(TestColony::start(Backend::sqlite().await).await, 5).await;
    let before = scene.shown().await;
    let archive = scene.archive_in(Arc::new(server.storage("secret")));
    assert_eq!(archive_all(&archive).await.unwrap().recorded, 5);
    let checked = archive.compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.is_good, checked.processes), (true, 5));
    let stored = files(&server.folder.path().join("archive/colony"));
    assert_eq!(stored.len(), 2, "{stored:?}");
    scene.leave().await;
    let place = scene.client.find_archive(scene.ids[2]).await.unwrap();
    let line = read_process(&server.storage("secret"), &scene.colony.key.id(), scene.ids[2], &place).await.unwrap();
    assert_eq!(line.to_answer().unwrap(), before[2]);
    // The clients' broker started again at the same address.
    let archive = scene.archive_in(Arc::new(server.storage("secret")));
    for id in &scene.ids {
        archive.restore_process(*id, Duration::from_secs(3600)).await.unwrap();
    }
    assert_eq!(scene.shown().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_is_in_no_words() {
    let server = Server::start().await;
    let clock = Arc::new(SystemClock);
    let good = ArchiveBee.check(&server.settings("secret"), clock.clone()).await.unwrap();
    assert_eq!(good, Check::Good("s3://archive/colony answers".to_owned()));
    let error = ArchiveBee.check(&server.settings("another-secret"), clock).await.unwrap_err();
    let words = format!("{error:?} {error}");
    assert!(!words.contains("another-secret"), "{words}");
}
