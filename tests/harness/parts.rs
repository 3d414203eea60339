//! A colony of separate parts: real processes, real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::{Port, apiary_binary, grant_document, http, stripe};
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, KeyPair, Role, SystemClock, write_key_file};

const SECRET: &str = "whsec_only_for_this_test";

/// Keys, addresses and processes of the colony.
pub struct Parts {
    /// The broker.
    pub broker: Daemon,
    /// The webhook adapter.
    pub webhook: Daemon,
    /// The finance bee, with its record in a SQLite file.
    pub bee: Daemon,
    /// The broker's address.
    pub broker_address: SocketAddr,
    /// The adapter's address.
    pub webhook_address: SocketAddr,
    /// The colony's key.
    pub colony: KeyPair,
    /// The server owner's key.
    pub server_owner: KeyPair,
    /// The adapter's key.
    pub adapter: KeyPair,
    /// The bee's key.
    pub finance: KeyPair,
    folder: PathBuf,
    /// Reserved while the parts are down, too.
    _ports: [Port; 2],
}

impl Parts {
    /// Makes keys, takes ports, and writes down how each part is started; nothing runs yet.
    pub fn new(folder: &Path, database_url: &str) -> Self {
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
        file("colony.pem", &colony);
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
            folder: folder.to_owned(),
            _ports: ports,
        }
    }

    /// Returns a client with this key.
    pub fn client(&self, key: &KeyPair) -> Client {
        let config = ClientConfig::new(format!("http://{}", self.broker_address).parse().unwrap());
        Client::new(&config, self.colony.id(), key.clone(), Arc::new(SystemClock)).unwrap()
    }

    /// Runs a command with the colony's key, on the adapter's machine.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(apiary_binary());
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.env("APIARY_BROKER", format!("http://{}", self.broker_address)).env("APIARY_KEY_FILE", "colony.pem");
        command.env("APIARY_COLONY", self.colony.id().to_string()).env("APIARY_WEBHOOK_SPOOL", "spool");
        command.env("APIARY_WEBHOOK_LISTEN", self.webhook_address.to_string());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Starts the broker, and sets the colony up.
    pub async fn start_broker(&mut self) {
        self.broker.start();
        self.broker.ready().await;
        self.set_up().await;
    }

    /// Starts broker and adapter, and sets the colony up between them.
    pub async fn start_broker_and_webhook(&mut self) {
        self.start_broker().await;
        self.webhook.start();
        self.webhook.ready().await;
    }

    /// Creates the colony, and the minimal grants of adapter and bee.
    pub async fn set_up(&self) {
        self.client(&self.server_owner).create_colony("shop").await.unwrap();
        for (key, name, role) in [(&self.adapter, "adapter", Role::User), (&self.finance, "finance", Role::Executor)] {
            let scopes: (&[&str], &[&str]) = (&["stripe.event"], &["finance"]);
            let grant = grant_document(&self.colony, key, name, role, scopes, &[]);
            self.client(&self.colony).add_grant(&Envelope::seal(&self.colony, &grant).unwrap()).await.unwrap();
        }
    }
}

/// Posts the event with this number once, as Stripe does.
pub async fn post_once(webhook: SocketAddr, number: usize) -> reqwest::Result<reqwest::Response> {
    let event = stripe::subscription_created(number, SystemClock.now().as_second());
    post(&http(), webhook, event.to_string()).await
}

/// Posts an event once, as Stripe does.
pub async fn post(client: &reqwest::Client, webhook: SocketAddr, event: String) -> reqwest::Result<reqwest::Response> {
    let signature = stripe::signature(SECRET, event.as_bytes(), SystemClock.now().as_second());
    let url = format!("http://{webhook}/webhooks/stripe");
    let request = client.post(url).header("stripe-signature", signature);
    request.timeout(Duration::from_secs(10)).body(event).send().await
}
