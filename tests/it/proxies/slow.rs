//! A slow way from the webhook adapter to its broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use apiary_adapters::sources::stripe::StripeConfig;
use apiary_adapters::{Webhook, WebhookConfig};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Role, SystemClock};
use apiary_tests::random::noise;
use apiary_tests::stripe::{signature, subscription_created};
use apiary_tests::{Backend, Proxy, TestColony, eventually_within, http};
use serde_json::json;
use tempfile::TempDir;

const SECRET: &str = "whsec_for_this_test_only_0123456789";

/// A webhook adapter behind an uplink that carries so many bytes in a second, with three events in its spool, of which the
/// first is large.
struct Scene {
    webhook: Webhook,
    _proxy: Proxy,
    _colony: TestColony,
    _folder: TempDir,
    _supervisor: Supervisor,
}

impl Scene {
    async fn start(bytes_per_s: u32, large_bytes: usize) -> Self {
        let colony = TestColony::start(Backend::sqlite().await).await;
        colony.grant("adapter", Role::User, &["*"], &["finance"], &[]).await;
        let proxy = Proxy::to(colony.address().to_string()).await;
        proxy.throttle(bytes_per_s);
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
        let config = ClientConfig::new(format!("http://{}", proxy.address()).parse().unwrap());
        let client = Client::new(&config, colony.key.id(), colony.key_of("adapter"), clock.clone()).unwrap();
        let stripe = StripeConfig::new(vec![SECRET.into()]).receiver(&[]).unwrap();
        let config = WebhookConfig::new(([127, 0, 0, 1], 0).into(), vec![stripe], folder.path().join("spool"));
        let supervisor = Supervisor::new(clock.clone());
        let webhook = Webhook::start(config, Arc::new(client), &supervisor, clock).await.unwrap();
        proxy.close();
        for number in 0..3 {
            let mut event = subscription_created(number, SystemClock.now().as_second());
            if number == 0 {
                event["data"]["object"]["notes"] = json!(hex::encode(noise(large_bytes / 2)));
            }
            let body = event.to_string();
            let header = signature(SECRET, body.as_bytes(), SystemClock.now().as_second());
            let post = http().post(format!("http://{}/webhooks/stripe", webhook.address()));
            let answer = post.header("stripe-signature", header).body(body).send().await.unwrap();
            assert_eq!(answer.status(), 202);
        }
        proxy.open();
        Self { webhook, _proxy: proxy, _colony: colony, _folder: folder, _supervisor: supervisor }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a rig of check-long"]
async fn long_a_large_event_is_forwarded_over_a_slow_uplink_and_then_those_behind_it() {
    // For this many bytes, the uplink needs longer than an answer to a small event may take.
    let scene = Scene::start(24 * 1024, 500_000).await;
    let (begun, webhook) = (Instant::now(), &scene.webhook);
    eventually_within(Duration::from_secs(120), "all are forwarded", async || webhook.stats().forwarded == 3).await;
    assert!(begun.elapsed() > Duration::from_secs(15), "the uplink was slow: {:?}", begun.elapsed());
    assert_eq!((webhook.stats().set_aside, webhook.spool().set_aside_events), (0, 0));
    scene.webhook.stop().await;
}
