//! SIGHUP at every daemon: it reloads what can be reloaded, and ends nothing.

use std::path::Path;

use apiary_tests::daemon::Daemon;
use apiary_tests::{Backend, eventually};
use nix::sys::signal::Signal;

use apiary_tests::parts::{Parts, post_once};

/// Sends the signal until the daemon logs these words: it may not listen for signals yet.
async fn hang_up_until(part: &Daemon, words: &str) {
    part.signal(Signal::SIGHUP);
    eventually(words, async || part.words().contains(words).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_reload_ends_neither_broker_nor_adapter_nor_bee_and_work_goes_on() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker_and_webhook().await;
    parts.bee.start();
    eventually("the bee is ready", async || parts.bee.last_words().contains("ready: bee finance").then_some(())).await;
    for (part, number) in [&parts.broker, &parts.webhook, &parts.bee].into_iter().zip(0..) {
        hang_up_until(part, "SIGHUP: nothing to reload").await;
        let answer = post_once(parts.webhook_address, number).await.unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
    let reader = parts.client(&parts.colony);
    eventually("all that was posted is done", async || {
        let processes = reader.list_processes(Default::default()).await.ok()?.processes;
        let done = processes.iter().filter(|one| one.state() == apiary_executor_sdk::v1::ProcessState::Succeeded);
        (done.count() == 3).then_some(())
    })
    .await;
    for part in [&mut parts.bee, &mut parts.webhook, &mut parts.broker] {
        assert_eq!(part.terminate().await, Some(0), "{}", part.last_words());
    }
}

fn write_level(folder: &Path, level: &str) {
    std::fs::write(folder.join("apiary.toml"), format!("[log]\nlevel = \"{level}\"\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_level_is_taken_up_from_the_settings_again() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    write_level(folder.path(), "error");
    for part in [&mut parts.broker, &mut parts.webhook] {
        part.settings("APIARY_CONFIG", folder.path().join("apiary.toml").display());
        part.start();
        part.ready().await;
    }
    let is_told = |part: &Daemon, number: usize| part.words().matches("spooled").count() == number;
    assert_eq!(post_once(parts.webhook_address, 1).await.unwrap().status(), 202);
    assert!(is_told(&parts.webhook, 0), "{}", parts.webhook.last_words());
    write_level(folder.path(), "info");
    hang_up_until(&parts.webhook, "SIGHUP: the log's level is info now").await;
    assert_eq!(post_once(parts.webhook_address, 2).await.unwrap().status(), 202);
    eventually("it tells more", async || is_told(&parts.webhook, 1).then_some(())).await;
    hang_up_until(&parts.webhook, "SIGHUP: nothing to reload").await;
    // Half a file changes nothing.
    std::fs::write(folder.path().join("apiary.toml"), "[log\nlevel = \"er").unwrap();
    hang_up_until(&parts.webhook, "cannot read the settings; those in effect stay").await;
    assert_eq!(post_once(parts.webhook_address, 3).await.unwrap().status(), 202);
    eventually("it tells as much", async || is_told(&parts.webhook, 2).then_some(())).await;
    write_level(folder.path(), "warn");
    hang_up_until(&parts.broker, "SIGHUP: the log's level is warn now").await;
    for part in [&mut parts.webhook, &mut parts.broker] {
        assert_eq!(part.terminate().await, Some(0), "{}", part.last_words());
    }
}
