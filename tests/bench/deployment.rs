//! A broker and an echo bee as processes of their own, from the release build of `apiary`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, Grant, GrantRight, KeyPair, Role, Scopes, SystemClock, write_key_file};
use apiary_tests::{Backend, apiary_binary, eventually};
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use uuid::Uuid;

use crate::machine::number_after;

/// The type of the echo bee, and its function.
pub(crate) const ECHO: &str = "echo";
/// Unit of processor time in `/proc`.
const TICK: Duration = Duration::from_millis(10);

/// A broker with a colony.
pub(crate) struct Broker {
    process: Process,
    socket: PathBuf,
    colony: KeyPair,
    folder: TempDir,
    // Dropped last: the broker must not outlive its database.
    _backend: Backend,
}

impl Broker {
    /// Starts a broker, and waits until it answers.
    pub(crate) async fn start(backend: Backend) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (owner, colony) = (KeyPair::generate(), KeyPair::generate());
        let socket = folder.path().join("broker.sock");
        let database = match backend.kind() {
            "sqlite" => format!("sqlite:{}", backend.url()),
            _ => backend.url(),
        };
        let variables = [
            ("APIARY_BROKER_DATABASE_URL", database.as_str()),
            ("APIARY_BROKER_LISTEN", "127.0.0.1:0"),
            ("APIARY_BROKER_SOCKET", &socket.display().to_string()),
            ("APIARY_BROKER_SERVER_OWNER", &owner.id().to_string()),
        ];
        let process = Process::start(&["broker"], &variables, folder.path())?;
        let broker = Self { process, socket, colony, folder, _backend: backend };
        let founder = broker.client(&owner)?;
        eventually("the broker answers", async || founder.connect().await.ok()).await;
        founder.create_colony("bench").await?;
        Ok(broker)
    }

    /// Adds a member to the colony, with a connection of its own.
    pub(crate) async fn member(&self, role: Role, name: &str) -> anyhow::Result<Client> {
        let key = KeyPair::generate();
        let member = self.client(&key)?;
        member.add_grant(&Envelope::seal(&self.colony, &grant(&self.colony, &key, role, name)?)?).await?;
        Ok(member)
    }

    /// Starts an echo bee.
    pub(crate) async fn start_bee(&self) -> anyhow::Result<Process> {
        let (key, key_file) = (KeyPair::generate(), self.folder.path().join("bee.pem"));
        let grant = grant(&self.colony, &key, Role::Executor, ECHO)?;
        self.client(&key)?.add_grant(&Envelope::seal(&self.colony, &grant)?).await?;
        write_key_file(&key_file, &key, None)?;
        let address = self.address();
        let variables = [
            ("APIARY_BROKER_ADDRESS", address.as_str()),
            ("APIARY_COLONY", &self.colony.id().to_string()),
            ("APIARY_KEY_FILE", &key_file.display().to_string()),
        ];
        Process::start(&["bee", ECHO], &variables, self.folder.path())
    }

    /// Returns the broker's process.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Returns the number of waiting claims, from the readiness page.
    pub(crate) async fn claims_waiting(&self) -> anyhow::Result<u64> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: broker\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, page) = answer.split_once("\r\n\r\n").context("the broker answers with a page")?;
        let page: serde_json::Value = serde_json::from_str(page)?;
        page["claims_waiting"].as_u64().context("the page says how many claims wait")
    }

    fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    fn client(&self, key: &KeyPair) -> anyhow::Result<Client> {
        let config = ClientConfig::new(self.address().parse()?);
        Ok(Client::new(&config, self.colony.id(), key.clone(), Arc::new(SystemClock))?)
    }
}

/// A process of `apiary`, killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a process with these variables only, so that this process's environment does not affect the measurement.
    fn start(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> anyhow::Result<Self> {
        let child = Command::new(apiary_binary())
            .args(arguments)
            .args(["--log-level", "warn"])
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("`apiary` does not start")?;
        Ok(Self(child))
    }

    /// Returns the resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        number_after(&status, "VmRSS:").context("the process has ended")
    }

    /// Returns the processor time so far, in user and kernel mode.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name in brackets may contain anything, so that fields are counted after it: `utime` and `stime` are the
        // 14th and 15th field, the 12th and 13th after the name.
        let (_, fields) = stat.rsplit_once(") ").context("the process has ended")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
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
