//! Starts and stops the colony's parts in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use apiary_adapters::sources::ALL;
use apiary_adapters::{Receiver, Webhook, WebhookConfig};
use apiary_broker::Broker;
use apiary_broker::config::{DoorConfig, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::{Address, Client, ClientConfig, Reason};
use apiary_identity::{Clock, Id, KeyPair};
use apiary_settings::Values;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::bees::Bees;
use super::folder::{Folder, write_private};
use super::keys::{Keys, OPERATOR_FILE};
use super::{activity, grants, signing_secret};
use crate::commands::bee::Equipment;
use crate::commands::webhook::{named, receivers_with, urls};
use crate::daemon;
use crate::exit::Fault;
use crate::notify::{self, Watched};
use crate::settings::Settings;
use crate::traces;

/// Name of the colony at its broker.
const NAME: &str = "local";

/// Configuration of a local colony.
pub(crate) struct Config {
    /// Address of the broker, besides its Unix socket.
    pub(crate) broker: SocketAddr,
    /// Bounds on the broker's connections.
    pub(crate) door: DoorConfig,
    /// Retention of finished processes.
    pub(crate) retention: RetentionConfig,
    /// Times after which executors count as silent or gone.
    pub(crate) executors: ExecutorsConfig,
    /// Settings of the bees and of the webhook sources. The folder replaces some of them.
    pub(crate) settings: Values,
    /// Slots, offer and guard, the same for every bee.
    pub(crate) equipment: Equipment,
    /// Settings of the adapter, without its sources. The spool is always the folder's.
    pub(crate) webhook: WebhookConfig,
    /// True if other machines may read the metrics.
    pub(crate) has_remote_metrics: bool,
}

/// A running colony.
pub(crate) struct LocalColony {
    folder: Folder,
    id: Id,
    operator: Client,
    broker: Broker,
    webhook: Webhook,
    supervisors: Supervisors,
    receivers: Vec<Receiver>,
    bees: Bees,
}

/// Supervisors of the tasks of broker and adapter. Each has the notices that its part shows.
struct Supervisors {
    broker: Supervisor,
    webhook: Supervisor,
}

impl LocalColony {
    /// Starts all parts. Steps that an earlier start completed are recognised, and the others are done.
    pub(crate) async fn start(folder: Folder, config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let keys = Keys::open(&folder)?;
        check_profile(&folder, keys.colony.id())?;
        let mut webhook = config.webhook;
        webhook.spool_path = folder.spool();
        webhook.receivers = receivers(&folder, &config.settings)?;
        let receivers = webhook.receivers.clone();
        let kept = broker_config(&folder, (config.broker, config.door), &keys, config.executors, config.retention);
        let supervisors =
            Supervisors { broker: Supervisor::new(clock.clone()), webhook: Supervisor::new(clock.clone()) };
        for part in [&supervisors.broker, &supervisors.webhook] {
            part.metrics().open_to_all(config.has_remote_metrics);
            traces::show(part.metrics());
        }
        let broker = Broker::start(kept, &supervisors.broker, clock.clone()).await.context("the broker")?;
        let webhook = (webhook, &supervisors.webhook);
        match Parts::start(&folder, &keys, (&config.settings, &config.equipment), webhook, clock).await {
            Ok(Parts { operator, webhook, bees }) => {
                Ok(Self { folder, id: keys.colony.id(), operator, broker, webhook, supervisors, receivers, bees })
            }
            Err(error) => {
                // Stopped in order also after a failed start, so that its database is closed.
                broker.stop().await;
                Err(error)
            }
        }
    }

    /// Returns the colony's id.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Returns the data folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns the broker's address.
    pub(crate) fn broker(&self) -> Option<SocketAddr> {
        self.broker.address()
    }

    /// Returns the webhook adapter's address.
    pub(crate) fn webhook(&self) -> SocketAddr {
        self.webhook.address()
    }

    /// Returns the URL of each webhook source.
    pub(crate) fn webhook_urls(&self) -> Vec<String> {
        urls(self.webhook(), &self.receivers)
    }

    /// Returns a client with the operator's key.
    pub(crate) fn operator(&self) -> &Client {
        &self.operator
    }

    /// Returns what a notifier looks at.
    pub(crate) fn watched(&self, settings: &Settings) -> Watched {
        let watched = Watched::default().broker(self.broker.attention(), settings);
        watched.tasks(&self.supervisors.webhook).spool(self.webhook.spool_reader())
    }

    /// Returns the supervisors of the tasks of broker and adapter.
    pub(crate) fn supervisors(&self) -> [Supervisor; 2] {
        [self.supervisors.broker.clone(), self.supervisors.webhook.clone()]
    }

    /// Runs until `shutdown`, or until a part ends by itself, which is an error; stops in order in either case.
    /// The notifier stops first.
    pub(crate) async fn run(
        mut self,
        shutdown: &CancellationToken,
        notifier: Option<apiary_notify::Running>,
    ) -> anyhow::Result<()> {
        let failed = async {
            tokio::select! {
                problem = self.supervisors.broker.failed() => problem,
                problem = self.supervisors.webhook.failed() => problem,
            }
        };
        let ended = tokio::select! {
            stopped = daemon::until(shutdown, failed) => stopped,
            ended = self.bees.ended() => ended,
            // With the broker's tasks, so that the colony's health shows this one's restarts, too.
            never = activity::tell(&self.operator, &self.supervisors.broker) => match never {},
        };
        notify::stop(notifier).await;
        self.stop().await;
        ended
    }

    /// Stops in order: the source of work first, then the bees, and the storage last.
    pub(crate) async fn stop(self) {
        self.webhook.stop().await;
        self.bees.stop().await;
        self.broker.stop().await;
    }
}

/// Opens every source that has a signing secret, or for which one may be generated.
fn receivers(folder: &Folder, settings: &Values) -> anyhow::Result<Vec<Receiver>> {
    let mut receivers = Vec::new();
    for source in ALL {
        let opened = if settings.is_set(source.secrets()) {
            Receiver::open(*source, settings)
        } else if let Some(prefix) = source.trial_secret_prefix() {
            let secret = signing_secret::open(folder, *source, prefix)?;
            receivers_with(*source, settings, secret.expose_secret(), folder.path())
        } else {
            continue;
        };
        receivers.extend(opened.map_err(named)?);
    }
    Ok(receivers)
}

/// The parts that need a running broker.
struct Parts {
    operator: Client,
    webhook: Webhook,
    bees: Bees,
}

impl Parts {
    async fn start(
        folder: &Folder,
        keys: &Keys,
        (settings, equipment): (&Values, &Equipment),
        (webhook, supervisor): (WebhookConfig, &Supervisor),
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let client = |key: &KeyPair| {
            let config = ClientConfig::new(Address::Unix(folder.socket()));
            Client::new(&config, keys.colony.id(), key.clone(), clock.clone())
        };
        create_colony(&client(&keys.server_owner)?, folder.path()).await?;
        // Before any other client starts: without their grants, adapter and bees would be rejected.
        grants::ensure(&client(&keys.colony)?, &keys.colony, keys, &webhook).await?;
        let operator = client(&keys.operator)?;
        write_profile(folder, keys.colony.id())?;

        let bees =
            Bees::start(folder, keys.bees.iter().map(client).collect::<Result<_, _>>()?, settings, equipment).await?;
        // Started last, after everything else that can fail: from here on, webhooks are accepted.
        match Webhook::start(webhook, Arc::new(client(&keys.adapter)?), supervisor, clock.clone()).await {
            Ok(webhook) => Ok(Self { operator, webhook, bees }),
            Err(error) => {
                bees.stop().await;
                Err(named(error))
            }
        }
    }
}

async fn create_colony(server_owner: &Client, data: &Path) -> anyhow::Result<()> {
    match server_owner.create_colony(NAME).await {
        Ok(_) => Ok(()),
        Err(error) if error.is(&Reason::Taken) => Err(Fault::failure(format!(
            "broker.db in {} belongs to another colony than keys/colony.pem",
            data.display()
        ))
        .hint("restore the matching key or database; or move the folder away and start again")
        .into()),
        Err(error) => Err(error).context("the colony"),
    }
}

fn broker_config(
    folder: &Folder,
    (address, door): (SocketAddr, DoorConfig),
    keys: &Keys,
    executors: ExecutorsConfig,
    retention: RetentionConfig,
) -> apiary_broker::Config {
    apiary_broker::Config {
        listen: ListenConfig { address: Some(address), socket: Some(folder.socket()), door, ..ListenConfig::default() },
        store: StoreConfig::Sqlite { path: folder.database() },
        migrate: true,
        server_owner: Some(keys.server_owner.id()),
        executors,
        retention,
    }
}

/// Checks the profile's colony: another one means that keys or files were exchanged.
fn check_profile(folder: &Folder, colony: Id) -> anyhow::Result<()> {
    let path = folder.profile();
    if !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let named = text.parse::<toml::Table>().ok().and_then(|table| table.get("colony")?.as_str().map(str::to_owned));
    match named {
        Some(named) if named != colony.to_string() => Err(Fault::failure(format!(
            "{} names the colony {named}, and keys/colony.pem is the key of {colony}",
            path.display()
        ))
        .hint("restore the matching key; or move the folder away and start again")
        .into()),
        Some(_) => Ok(()),
        None => {
            let profile = path.display();
            tracing::warn!(
                "{profile} names no colony, and is not changed; if it is moved away, the next start writes a new one"
            );
            Ok(())
        }
    }
}

/// Writes the configuration with which `apiary --data DIR …` acts in this colony as the operator. Paths are relative to
/// the file, so that the folder can be moved.
fn write_profile(folder: &Folder, colony: Id) -> anyhow::Result<()> {
    write_private(
        &folder.profile(),
        &format!(
            "# Written by `apiary up`, once; yours to change. `apiary config show` lists all settings.\n\
             colony = \"{colony}\"\n\
             key_file = \"keys/{OPERATOR_FILE}\"\n\n\
             [broker]\n\
             address = \"unix:broker.sock\"\n"
        ),
    )
}
