//! `kill -9` of the broker, the adapter and the bee, again and again, under load: every event answered 2xx is applied exactly
//! once. The processes are real, and so are their sockets and databases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::v1::{ListProcessesRequest, ProcessState};
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, Grant, GrantRight, KeyPair, Role, Scopes, SystemClock, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Backend, Port, eventually_within, stripe};
use futures::StreamExt as _;
use jiff::SignedDuration;
use rand::seq::IndexedRandom as _;
use uuid::Uuid;

/// Events; each is about a subscription of its own.
const EVENTS: usize = 400;
/// Posts under way at once.
const POSTERS: usize = 8;
/// Kills of each kind at the least.
const KILLS: usize = 4;
const SECRET: &str = "whsec_only_for_this_test";

mod sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_event_answered_2xx_is_applied_exactly_once() {
        super::every_event_answered_2xx_is_applied_exactly_once(apiary_tests::Backend::sqlite().await).await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_event_answered_2xx_is_applied_exactly_once() {
        super::every_event_answered_2xx_is_applied_exactly_once(apiary_tests::Backend::postgres().await).await;
    }
}

/// The keys, addresses and processes of a colony in parts.
struct Parts {
    broker: Daemon,
    webhook: Daemon,
    bee: Daemon,
    broker_address: SocketAddr,
    webhook_address: SocketAddr,
    colony: KeyPair,
    server_owner: KeyPair,
    adapter: KeyPair,
    finance: KeyPair,
    /// Held while the parts are dead, too.
    _ports: [Port; 2],
}

impl Parts {
    fn new(folder: &Path, database_url: &str) -> Self {
        let keys: Vec<_> = (0..4).map(|_| KeyPair::generate()).collect();
        let [colony, server_owner, adapter, finance] = keys.try_into().unwrap();
        let file = |name: &str, key: &KeyPair| {
            let path = folder.join(name);
            write_key_file(&path, key, None).unwrap();
            path.display().to_string()
        };
        let ports = [Port::take(), Port::take()];
        let [broker_address, webhook_address] = ports.each_ref().map(Port::address);
        let broker_url = format!("http://{broker_address}");
        let broker = Daemon::new("broker", &["broker"], folder, Some(broker_address))
            .set("APIARY_BROKER_LISTEN", broker_address)
            .set("APIARY_DATABASE_URL", database_url)
            .set("APIARY_BROKER_SERVER_OWNER", server_owner.id());
        let webhook = Daemon::new("webhook", &["webhook"], folder, Some(webhook_address))
            .set("APIARY_BROKER", &broker_url)
            .set("APIARY_COLONY", colony.id())
            .set("APIARY_KEY_FILE", file("adapter.pem", &adapter))
            .set("APIARY_WEBHOOK_LISTEN", webhook_address)
            .set("APIARY_WEBHOOK_SPOOL", folder.join("spool").display())
            .set("STRIPE_WEBHOOK_SECRET", SECRET);
        let bee = Daemon::new("finance", &["bee", "finance"], folder, None)
            .set("APIARY_BROKER", &broker_url)
            .set("APIARY_COLONY", colony.id())
            .set("APIARY_KEY_FILE", file("finance.pem", &finance))
            .set("APIARY_FINANCE_SQLITE", folder.join("record.db").display());
        Self {
            broker,
            webhook,
            bee,
            broker_address,
            webhook_address,
            colony,
            server_owner,
            adapter,
            finance,
            _ports: ports,
        }
    }

    fn client(&self, key: &KeyPair) -> Client {
        let config = ClientConfig::new(format!("http://{}", self.broker_address).parse().unwrap());
        Client::new(&config, self.colony.id(), key.clone(), Arc::new(SystemClock)).unwrap()
    }

    /// The colony, and the least that adapter and bee need.
    async fn set_up(&self) {
        self.client(&self.server_owner).create_colony("shop").await.unwrap();
        for (key, name, role) in [(&self.adapter, "adapter", Role::User), (&self.finance, "finance", Role::Executor)] {
            let grant = Grant {
                colony: self.colony.id(),
                grant_id: Uuid::new_v4(),
                key: key.id(),
                role,
                name: name.into(),
                scopes: Scopes { functions: vec!["stripe.event".into()], executor_types: vec!["finance".into()] },
                rights: Vec::<GrantRight>::new(),
                valid_from: SystemClock.now() - SignedDuration::from_mins(5),
                valid_until: SystemClock.now() + SignedDuration::from_hours(1),
            };
            self.client(&self.colony).add_grant(&Envelope::seal(&self.colony, &grant).unwrap()).await.unwrap();
        }
    }

    /// Kills each part in turn, at random, until `done`; returns how often.
    async fn kill_until(&mut self, done: &AtomicUsize) -> usize {
        let mut kills = 0;
        while done.load(Ordering::SeqCst) < EVENTS || kills < 3 * KILLS {
            // How long it lives.
            tokio::time::sleep(Duration::from_millis(*[150, 300, 450].choose(&mut rand::rng()).unwrap())).await;
            let part = [&mut self.broker, &mut self.webhook, &mut self.bee].into_iter().nth(kills % 3).unwrap();
            part.kill();
            // How long it is dead.
            tokio::time::sleep(Duration::from_millis(*[0, 100, 400].choose(&mut rand::rng()).unwrap())).await;
            part.start();
            kills += 1;
        }
        kills
    }
}

/// Posts as Stripe does: again until it hears a 2xx. Counts those that did.
async fn post(webhook: SocketAddr, number: usize, done: &AtomicUsize) {
    let http = apiary_tests::http();
    let body = stripe::subscription_created(number, SystemClock.now().as_second()).to_string();
    let url = format!("http://{webhook}/webhooks/stripe");
    loop {
        let signature = stripe::signature(SECRET, body.as_bytes(), SystemClock.now().as_second());
        let request = http.post(&url).header("stripe-signature", signature).timeout(Duration::from_secs(10));
        match request.body(body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => break,
            Ok(answer) if answer.status().is_client_error() => panic!("refused: {}", answer.text().await.unwrap()),
            // The sender's pause before it tries again.
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    done.fetch_add(1, Ordering::SeqCst);
}

async fn every_event_answered_2xx_is_applied_exactly_once(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.broker.start();
    parts.broker.ready().await;
    parts.set_up().await;
    parts.webhook.start();
    parts.webhook.ready().await;
    parts.bee.start();

    let done = AtomicUsize::new(0);
    let webhook = parts.webhook_address;
    let posts = futures::stream::iter(0..EVENTS).for_each_concurrent(POSTERS, |number| post(webhook, number, &done));
    let (kills, ()) = tokio::join!(parts.kill_until(&done), posts);
    assert!(kills >= 3 * KILLS);

    let reader = parts.client(&parts.colony);
    let by_event = eventually_within(Duration::from_secs(120), "every event's process succeeds", async || {
        let by_event = processes_by_event(&reader).await?;
        let finished = by_event.values().flatten().all(|state| *state == ProcessState::Succeeded);
        (by_event.len() == EVENTS && finished).then_some(by_event)
    })
    .await;
    assert!(by_event.values().all(|states| states.len() == 1), "an event has more than one process");
    assert_eq!(parts.bee.terminate().await, Some(0), "the bee drains");
    assert_applied_once(&folder.path().join("record.db")).await;
    assert_eq!(parts.webhook.terminate().await, Some(0));
    assert_eq!(parts.broker.terminate().await, Some(0));
}

/// The states of all processes, by the Stripe event that they carry.
async fn processes_by_event(reader: &Client) -> Option<BTreeMap<String, Vec<ProcessState>>> {
    let (mut by_event, mut page_token) = (BTreeMap::<_, Vec<_>>::new(), String::new());
    loop {
        let request = ListProcessesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = reader.list_processes(request).await.ok()?;
        for process in page.processes {
            let event = process.labels.get("stripe_event").cloned().unwrap();
            by_event.entry(event).or_default().push(process.state());
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(by_event);
        }
    }
}

/// In the state of record, every event was processed once, and every subscription is there.
async fn assert_applied_once(record: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(record).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let events: Vec<(String,)> = sqlx::query_as("SELECT id FROM stripe_events").fetch_all(&pool).await.unwrap();
    let subscriptions: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM stripe_subscriptions WHERE status = 'active'").fetch_all(&pool).await.unwrap();
    for (what, rows) in [("evt", events), ("sub", subscriptions)] {
        let expected: BTreeSet<_> = (0..EVENTS).map(|number| format!("{what}_test{number:08}")).collect();
        assert_eq!(rows.len(), EVENTS, "{what}: once each");
        assert_eq!(rows.into_iter().map(|(id,)| id).collect::<BTreeSet<_>>(), expected);
    }
}
