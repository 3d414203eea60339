//! A broker and an echo bee as processes of their own, from the release build of `apiary`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use apiary_executor_sdk::{Client, ClientConfig};
use apiary_identity::{Clock as _, Envelope, Grant, GrantRight, KeyPair, Role, Scopes, SystemClock, write_key_file};
use apiary_tests::{apiary_binary, eventually};
use jiff::SignedDuration;
use tempfile::TempDir;
use uuid::Uuid;

use crate::machine::number_after;

/// The type of the echo bee, and its function.
pub(crate) const ECHO: &str = "echo";

/// A broker on SQLite, and its bee. Both are killed when this is dropped.
pub(crate) struct Processes {
    // The bee first: killed in this order, it does not complain of a broker that is away.
    bee: Running,
    broker: Running,
    /// May submit everything, and read it.
    pub(crate) submitter: Client,
    _folder: TempDir,
}

impl Processes {
    /// Starts both, and waits until the broker answers.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (owner, colony, bee, submitter) =
            (KeyPair::generate(), KeyPair::generate(), KeyPair::generate(), KeyPair::generate());
        let socket = folder.path().join("broker.sock");
        let address = format!("unix:{}", socket.display());
        let broker = Running::start(
            &["broker"],
            &[
                ("APIARY_BROKER_DATABASE_URL", &format!("sqlite:{}", folder.path().join("broker.db").display())),
                ("APIARY_BROKER_LISTEN", "127.0.0.1:0"),
                ("APIARY_BROKER_SOCKET", &socket.display().to_string()),
                ("APIARY_BROKER_SERVER_OWNER", &owner.id().to_string()),
            ],
            folder.path(),
        )?;
        let client = |key: &KeyPair| -> anyhow::Result<Client> {
            Ok(Client::new(&ClientConfig::new(address.parse()?), colony.id(), key.clone(), Arc::new(SystemClock))?)
        };
        let founder = client(&owner)?;
        eventually("the broker answers", async || founder.connect().await.ok()).await;
        founder.create_colony("bench").await?;
        for (key, role, name) in [(&bee, Role::Executor, ECHO), (&submitter, Role::User, "submitter")] {
            founder.add_grant(&Envelope::seal(&colony, &grant(&colony, key, role, name)?)?).await?;
        }
        let key_file = folder.path().join("bee.pem");
        write_key_file(&key_file, &bee, None)?;
        let bee = Running::start(
            &["bee", ECHO],
            &[
                ("APIARY_BROKER_ADDRESS", &address),
                ("APIARY_COLONY", &colony.id().to_string()),
                ("APIARY_KEY_FILE", &key_file.display().to_string()),
            ],
            folder.path(),
        )?;
        Ok(Self { broker, bee, submitter: client(&submitter)?, _folder: folder })
    }

    /// Resident memory of the broker, in KiB.
    pub(crate) fn broker_kib(&self) -> anyhow::Result<u64> {
        self.broker.resident_kib()
    }

    /// Resident memory of the bee, in KiB.
    pub(crate) fn bee_kib(&self) -> anyhow::Result<u64> {
        self.bee.resident_kib()
    }
}

struct Running(Child);

impl Running {
    /// Nothing of this process's environment goes to the child: only what is measured sets it up.
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

    fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        number_after(&status, "VmRSS:").context("the process has ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing that it keeps outlives the folder.
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
