//! The cluster from its user's side.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use super::account::Account;
use super::binaries::Binaries;
use crate::{children, workspace};

/// A private cluster. Dropping it ends the cluster and removes its folder.
pub(crate) struct Cluster {
    guard: Child,
    /// Version for people, such as `15.18`.
    pub(crate) version: String,
    /// The superuser's URL of the database `postgres`. Contains a password.
    pub(crate) url: String,
}

impl Cluster {
    /// Starts a cluster with these settings of the server, each as `name=value`; installs Postgres first if there is
    /// none.
    pub(crate) fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        Binaries::ensure(Account::choose()?)?;
        children::go_on()?;
        let guard = Command::new(workspace::this_program()?)
            .arg("guard-postgres")
            .args(settings.iter().flat_map(|setting| ["--setting", setting]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at a terminal goes to this program's process group. The guard must outlive it, to stop Postgres
            // and remove its folder.
            .process_group(0)
            .spawn()
            .context("cannot start the guard of the Postgres cluster")?;
        let mut cluster = Self { guard, version: String::new(), url: String::new() };
        cluster.read_first_line()?;
        children::go_on()?;
        Ok(cluster)
    }

    fn read_first_line(&mut self) -> anyhow::Result<()> {
        let output = self.guard.stdout.take().context("the output was asked for")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let Some((version, url)) = line.trim().split_once(' ') else {
            let mut said = String::new();
            self.guard.stderr.take().context("the errors were asked for")?.read_to_string(&mut said)?;
            anyhow::bail!("{}", said.trim().trim_start_matches("Error: "));
        };
        (self.version, self.url) = (version.to_owned(), url.to_owned());
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Closes the pipe, which makes the guard end.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
