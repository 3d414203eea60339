//! The `apiary` program as real processes that can be killed and started again.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{apiary_binary, eventually};

/// An `apiary` process: a command, its settings as environment variables, and a file for its output.
pub struct Daemon {
    name: &'static str,
    arguments: Vec<String>,
    settings: BTreeMap<String, String>,
    log: PathBuf,
    listens: Option<SocketAddr>,
    child: Option<Child>,
}

impl Daemon {
    /// Creates a daemon that is not started yet. `listens` is its address once it is ready.
    pub fn new(name: &'static str, arguments: &[&str], folder: &Path, listens: Option<SocketAddr>) -> Self {
        Self {
            name,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            settings: BTreeMap::new(),
            log: folder.join(format!("{name}.log")),
            listens,
            child: None,
        }
    }

    /// Adds a setting, an environment variable.
    #[must_use]
    pub fn set(mut self, variable: &str, value: impl ToString) -> Self {
        self.settings.insert(variable.to_owned(), value.to_string());
        self
    }

    /// Changes a setting of the next start.
    pub fn settings(&mut self, variable: &str, value: impl ToString) {
        self.settings.insert(variable.to_owned(), value.to_string());
    }

    /// Leaves a setting out of the next start.
    pub fn unset(&mut self, variable: &str) {
        self.settings.remove(variable);
    }

    /// Starts it, with only its own settings in the environment.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        self.start_with(log.into());
    }

    /// Starts it with this standard error, with only its own settings in the environment.
    pub fn start_with(&mut self, stderr: Stdio) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = Command::new(apiary_binary())
            .args(&self.arguments)
            .env_clear()
            .envs(&self.settings)
            .current_dir(self.log.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(stderr)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits until it can be reached; a daemon that ended instead fails the test with the end of its output.
    pub async fn ready(&mut self) {
        let Some(address) = self.listens else { return };
        eventually("the daemon listens", async || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                let words = self.last_words();
                assert!(status.success(), "{} ended with {status}:\n{words}", self.name);
            }
            tokio::net::TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
    }

    /// Kills it as `kill -9` does, and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM, and waits for the end; returns the exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    /// Sends a signal, if it runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        }
    }

    /// Waits for its end; returns the exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let child = self.child.as_mut()?;
        let code = eventually("the daemon ends", async || child.try_wait().unwrap()).await.code();
        self.child = None;
        code
    }

    /// Returns the process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Returns `true` if it runs: it was started, and has neither ended by itself nor been killed.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Returns its complete output.
    pub fn words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns the end of its output.
    pub fn last_words(&self) -> String {
        let words = self.words();
        let lines: Vec<_> = words.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} said last:\n{}", self.name, self.last_words());
        }
        self.kill();
    }
}
