//! nginx in front of the broker: a page instead of gRPC counts as an unreachable broker, and cut polls are no reason to
//! give up.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use apiary_executor_sdk::Client;
use apiary_executor_sdk::v1::ListProcessesRequest;
use apiary_identity::{Clock as _, Role, SystemClock, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::nginx::PAGES;
use apiary_tests::{Backend, Nginx, Port, TestColony, apiary_binary, eventually, eventually_within, http, stripe};
use serde_json::Value;

const SECRET: &str = "whsec_only_for_this_test";
/// Longest time for pauses of both programs, one after the other.
const PATIENCE: Duration = Duration::from_secs(120);

/// Adapter and finance bee behind an nginx, as real processes.
struct Scene {
    colony: TestColony,
    nginx: Nginx,
    webhook: Daemon,
    bee: Daemon,
    reader: Client,
    port: Port,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Creates the scene; nothing is started.
    async fn set_up(directives: &str) -> Self {
        let colony = TestColony::start(Backend::sqlite().await).await;
        let (folder, port) = (tempfile::tempdir().unwrap(), Port::take());
        let nginx = Nginx::before(colony.address(), directives).await;
        colony.grant("adapter", Role::User, &["stripe.event"], &["finance"], &[]).await;
        colony.grant("finance", Role::Executor, &["stripe.event"], &["finance"], &[]).await;
        let daemon = |name, arguments: &[&str], key: &str, listens| {
            let file = folder.path().join(format!("{key}.pem"));
            write_key_file(&file, &colony.key_of(key), None).unwrap();
            Daemon::new(name, arguments, folder.path(), listens)
                .set("APIARY_BROKER", format!("http://{}", nginx.address()))
                .set("APIARY_COLONY", colony.key.id())
                .set("APIARY_KEY_FILE", file.display())
        };
        let webhook = daemon("webhook", &["webhook"], "adapter", Some(port.address()))
            .set("APIARY_WEBHOOK_LISTEN", port.address())
            .set("APIARY_WEBHOOK_SPOOL", folder.path().join("spool").display())
            .set("STRIPE_WEBHOOK_SECRET", SECRET);
        let bee = daemon("finance", &["bee", "finance"], "finance", None)
            .set("APIARY_FINANCE_SQLITE", folder.path().join("record.db").display());
        let reader = colony.reader().await;
        Self { colony, nginx, webhook, bee, reader, port, folder }
    }

    async fn start(&mut self) {
        self.webhook.start();
        self.webhook.ready().await;
        self.bee.start();
    }

    /// Posts a Stripe event; returns the status of the answer.
    async fn post(&self, number: usize) -> u16 {
        let body = stripe::subscription_created(number, SystemClock.now().as_second()).to_string();
        let signature = stripe::signature(SECRET, body.as_bytes(), SystemClock.now().as_second());
        let url = format!("http://{}/webhooks/stripe", self.port.address());
        let answer = http().post(url).header("stripe-signature", signature).body(body).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Waits until both programs report a page of this status, and checks that both run.
    async fn wait_for_words(&mut self, status: u16) {
        let words = format!("an HTTP proxy answered {status} with a page");
        wait_for(&mut self.webhook, &words).await;
        wait_for(&mut self.bee, &words).await;
    }

    /// Waits until this many events are in the record, each once and by its first attempt, and the spool is empty.
    async fn wait_for_events(&mut self, events: usize) {
        let there = eventually_within(PATIENCE, "every event is in the record", async || {
            let there = events_in(&self.folder.path().join("record.db")).await;
            (there.len() >= events).then_some(there)
        })
        .await;
        assert_eq!(there.len(), events);
        let health = eventually("the spool is empty", async || {
            let page = http().get(format!("http://{}/healthz", self.port.address())).send().await.ok()?;
            let page: Value = page.json().await.ok()?;
            (page["spool"]["events"] == 0).then_some(page)
        })
        .await;
        assert_eq!((&health["spool"]["set_aside"], &health["counts"]["set_aside"]), (&0.into(), &0.into()), "{health}");
        let request = ListProcessesRequest { page_size: 1000, ..Default::default() };
        let processes = self.reader.list_processes(request).await.unwrap().processes;
        assert_eq!(processes.len(), events, "one process for each event");
        assert!(self.webhook.is_running() && self.bee.is_running());
    }
}

async fn wait_for(daemon: &mut Daemon, words: &str) {
    eventually_within(PATIENCE, "it says what is wrong", async || daemon.words().contains(words).then_some(())).await;
    assert!(daemon.is_running());
}

async fn events_in(record: &Path) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(record).read_only(true);
    let Ok(pool) = sqlx::SqlitePool::connect_with(options).await else { return Vec::new() };
    sqlx::query_scalar("SELECT id FROM stripe_events").fetch_all(&pool).await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_starts_while_the_broker_is_away_waits_and_says_so() {
    let mut scene = Scene::set_up("").await;
    scene.colony.stop().await;
    scene.start().await;
    for number in 0..5 {
        assert_eq!(scene.post(number).await, 202, "it is kept");
    }
    scene.wait_for_words(502).await;
    let refused = command(&scene, &["process", "list"]).await;
    assert!(refused.contains("an HTTP proxy answered 502 with a page"), "{refused}");
    scene.colony.start_again().await;
    scene.wait_for_events(5).await;
    assert_eq!(scene.post(5).await, 200, "the broker takes it at once again");
    scene.wait_for_events(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_status_mean_that_the_broker_is_away() {
    // Polls are short, so that the bee meets each page soon.
    let mut scene = Scene::set_up("grpc_read_timeout 2s;").await;
    scene.start().await;
    assert_eq!(scene.post(0).await, 200);
    scene.wait_for_events(1).await;
    for (number, status) in (1..).zip(PAGES) {
        scene.nginx.answer_with(status);
        assert_eq!(scene.post(number).await, 202, "{status}: it is kept");
        // The adapter logs a recurring condition only the first few times.
        if number == 1 {
            scene.wait_for_words(status).await;
        }
        wait_for(&mut scene.bee, &format!("an HTTP proxy answered {status} with a page")).await;
        let refused = command(&scene, &["process", "list"]).await;
        assert!(refused.contains(&format!("an HTTP proxy answered {status} with a page")), "{refused}");
        scene.nginx.pass_on();
        scene.wait_for_events(number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bee_without_work_outlives_polls_that_are_cut() {
    let mut scene = Scene::set_up("grpc_read_timeout 6s;").await;
    scene.start().await;
    let answers = |nginx: &Nginx, status| nginx.answers(status, "/Claim");
    eventually("a poll is cut", async || (answers(&scene.nginx, 504) > 0).then_some(())).await;
    // Shorter polls are answered, one after the other, without a growing pause.
    eventually("polls come through", async || (answers(&scene.nginx, 200) >= 3).then_some(())).await;
    assert!(scene.bee.is_running());
    assert_eq!(answers(&scene.nginx, 504), 1, "only the first poll was too long");
    assert_eq!(scene.post(0).await, 200);
    scene.wait_for_events(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_that_are_always_cut_still_bring_work() {
    let mut scene = Scene::set_up("grpc_read_timeout 500ms;").await;
    scene.start().await;
    eventually_within(PATIENCE, "polls are cut", async || (scene.nginx.answers(504, "/Claim") >= 4).then_some(()))
        .await;
    for number in 0..3 {
        assert!([200, 202].contains(&scene.post(number).await));
    }
    scene.wait_for_events(3).await;
}

/// nginx ends each connection after some requests, with GOAWAY: calls in progress are answered on the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_ends_connections_in_order_costs_nothing() {
    let mut scene = Scene::set_up("keepalive_requests 3;").await;
    scene.start().await;
    for number in 0..20 {
        assert_eq!(scene.post(number).await, 200, "{number}: the broker takes it at once");
    }
    scene.wait_for_events(20).await;
}

/// Runs a command through nginx, with the colony's key, which must fail; returns its error output.
async fn command(scene: &Scene, arguments: &[&str]) -> String {
    let key = scene.folder.path().join("colony.pem");
    if !key.exists() {
        write_key_file(&key, &scene.colony.key, None).unwrap();
    }
    let mut command = Command::new(apiary_binary());
    command.args(arguments).env_clear().current_dir(scene.folder.path()).stdin(Stdio::null());
    command.env("APIARY_BROKER", format!("http://{}", scene.nginx.address()));
    command.env("APIARY_COLONY", scene.colony.key.id().to_string()).env("APIARY_KEY_FILE", &key);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}
