//! Brokers and an echo bee as processes of their own, from the release build of `apiary`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, Grant, GrantRight, KeyPair, Role, Scopes, SystemClock, write_key_file};
use apiary_tests::{Backend, Port, apiary_binary, eventually};
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use uuid::Uuid;

use crate::meter::Meter;
use crate::observer::Observer;
use crate::processor::resident_kib;

/// The type of the echo bee, and its function.
pub(crate) const ECHO: &str = "echo";
/// The executor type, and the function, of everything else that is measured.
pub(crate) const BENCH: &str = "bench";

/// A colony on a database of its own, with one broker or several.
pub(crate) struct Deployment {
    brokers: Vec<Broker>,
    owner: KeyPair,
    colony: KeyPair,
    folder: TempDir,
    // Dropped last: the brokers must not outlive their database.
    backend: Backend,
}

struct Broker {
    process: Process,
    socket: PathBuf,
}

/// A member of the colony, with a connection of its own.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) key: KeyPair,
}

impl Deployment {
    /// Starts one broker.
    pub(crate) async fn start(backend: Backend) -> anyhow::Result<Self> {
        Self::start_many(backend, 1).await
    }

    /// Starts brokers, one after the other, and waits until each answers.
    pub(crate) async fn start_many(backend: Backend, count: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (owner, colony) = (KeyPair::generate(), KeyPair::generate());
        let mut deployment = Self { brokers: Vec::new(), owner, colony, folder, backend };
        for number in 0..count {
            deployment.start_broker(number).await?;
        }
        deployment.client(0, &deployment.owner)?.create_colony("bench").await?;
        Ok(deployment)
    }

    async fn start_broker(&mut self, number: usize) -> anyhow::Result<()> {
        let socket = self.folder.path().join(format!("broker-{number}.sock"));
        let database = match self.backend.kind() {
            "sqlite" => format!("sqlite:{}", self.backend.url()),
            _ => self.backend.url(),
        };
        let variables = [
            ("APIARY_BROKER_DATABASE_URL", database.as_str()),
            ("APIARY_BROKER_LISTEN", "127.0.0.1:0"),
            ("APIARY_BROKER_SOCKET", &socket.display().to_string()),
            ("APIARY_BROKER_SERVER_OWNER", &self.owner.id().to_string()),
        ];
        let process = Process::start(&["broker"], &variables, self.folder.path())?;
        self.brokers.push(Broker { process, socket });
        let owner = self.client(number, &self.owner)?;
        eventually("the broker answers", async || owner.connect().await.ok()).await;
        Ok(())
    }

    /// Adds members to the colony, who call the brokers in turn.
    pub(crate) async fn members(&self, role: Role, count: usize) -> anyhow::Result<Vec<Member>> {
        let mut members = Vec::new();
        for number in 0..count {
            let key = KeyPair::generate();
            let client = self.client(number % self.brokers.len(), &key)?;
            let name = format!("{}-{}", role.as_str(), Uuid::new_v4());
            client.add_grant(&Envelope::seal(&self.colony, &grant(&self.colony, &key, role, &name)?)?).await?;
            members.push(Member { client, key });
        }
        Ok(members)
    }

    /// Adds one member to the colony.
    pub(crate) async fn member(&self, role: Role) -> anyhow::Result<Member> {
        self.members(role, 1).await?.pop().context("one was asked for")
    }

    /// Starts an echo bee.
    pub(crate) async fn start_bee(&self) -> anyhow::Result<Process> {
        let (key, key_file) = (KeyPair::generate(), self.folder.path().join("bee.pem"));
        let grant = grant(&self.colony, &key, Role::Executor, ECHO)?;
        self.client(0, &key)?.add_grant(&Envelope::seal(&self.colony, &grant)?).await?;
        write_key_file(&key_file, &key, None)?;
        let address = self.address(0)?;
        let variables = [
            ("APIARY_BROKER_ADDRESS", address.as_str()),
            ("APIARY_COLONY", &self.colony.id().to_string()),
            ("APIARY_KEY_FILE", &key_file.display().to_string()),
        ];
        Process::start(&["bee", ECHO], &variables, self.folder.path())
    }

    /// Starts a webhook adapter for Stripe with this signing secret, and waits until it listens.
    pub(crate) async fn start_webhook(&self, secret: &str) -> anyhow::Result<(Process, Port)> {
        let (key, key_file) = (KeyPair::generate(), self.folder.path().join("webhook.pem"));
        let grant = grant(&self.colony, &key, Role::User, "webhook")?;
        self.client(0, &key)?.add_grant(&Envelope::seal(&self.colony, &grant)?).await?;
        write_key_file(&key_file, &key, None)?;
        let (broker, port) = (self.address(0)?, Port::take());
        let listen = port.address();
        let variables = [
            ("APIARY_BROKER_ADDRESS", broker.as_str()),
            ("APIARY_COLONY", &self.colony.id().to_string()),
            ("APIARY_KEY_FILE", &key_file.display().to_string()),
            ("APIARY_WEBHOOK_LISTEN", &listen.to_string()),
            ("APIARY_WEBHOOK_SPOOL", &self.folder.path().join("spool").display().to_string()),
            ("STRIPE_WEBHOOK_SECRET", secret),
        ];
        let process = Process::start(&["webhook"], &variables, self.folder.path())?;
        eventually("the webhook adapter listens", async || TcpStream::connect(listen).await.ok()).await;
        Ok((process, port))
    }

    /// Returns the database.
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Returns the process of the first broker.
    pub(crate) fn process(&self) -> anyhow::Result<&Process> {
        Ok(&self.broker(0)?.process)
    }

    /// Creates a meter of the brokers and the database.
    pub(crate) async fn meter(&self) -> anyhow::Result<Meter> {
        let brokers = self.brokers.iter().map(|broker| broker.process.id()).collect();
        Ok(Meter::new(brokers, observer_of(&self.backend).await?))
    }

    /// Returns the number of waiting claims, from the readiness page of the first broker.
    pub(crate) async fn claims_waiting(&self) -> anyhow::Result<u64> {
        let mut stream = UnixStream::connect(&self.broker(0)?.socket).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: broker\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, page) = answer.split_once("\r\n\r\n").context("the broker answers with a page")?;
        let page: serde_json::Value = serde_json::from_str(page)?;
        page["claims_waiting"].as_u64().context("the page says how many claims wait")
    }

    fn broker(&self, number: usize) -> anyhow::Result<&Broker> {
        self.brokers.get(number).context("there is no such broker")
    }

    fn address(&self, broker: usize) -> anyhow::Result<String> {
        Ok(format!("unix:{}", self.broker(broker)?.socket.display()))
    }

    fn client(&self, broker: usize, key: &KeyPair) -> anyhow::Result<Client> {
        let config = ClientConfig::new(self.address(broker)?.parse()?);
        Ok(Client::new(&config, self.colony.id(), key.clone(), Arc::new(SystemClock))?)
    }
}

/// Connects an observer to a database; `None` for SQLite.
pub(crate) async fn observer_of(backend: &Backend) -> anyhow::Result<Option<Observer>> {
    match backend.kind() {
        "postgres" => Ok(Some(Observer::connect(&backend.url()).await?)),
        _ => Ok(None),
    }
}

/// A process of `apiary`, killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a process with these variables only, so that this process's environment does not affect the measurement.
    fn start(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> anyhow::Result<Self> {
        let child = Command::new(apiary_binary())
            .args(arguments)
            .args(["--log-level", "error"])
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("`apiary` does not start")?;
        Ok(Self(child))
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns the resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        resident_kib(self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A hard kill is enough: all its data is in the temporary folder.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn grant(colony: &KeyPair, key: &KeyPair, role: Role, name: &str) -> anyhow::Result<Grant> {
    let now = SystemClock.now();
    Ok(Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key: key.id(),
        role,
        name: name.to_owned(),
        scopes: Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] },
        rights: vec![GrantRight::Read],
        valid_from: now.checked_sub(SignedDuration::from_mins(5))?,
        valid_until: now.checked_add(SignedDuration::from_hours(24))?,
    })
}
