//! The account that runs Postgres, which refuses to run as root: then it is one without rights.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use nix::unistd::{Gid, Uid, User, geteuid};

/// The account that runs Postgres.
#[derive(Clone, Copy)]
pub(super) struct Account(Option<(Uid, Gid)>);

impl Account {
    /// Chooses the current account, or, for root, `postgres` or `nobody`.
    pub(super) fn choose() -> anyhow::Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self(Some((user.uid, user.gid))));
            }
        }
        anyhow::bail!("Postgres does not run as root, and there is no account `postgres` or `nobody` to run it as")
    }

    /// Creates a command that runs as this account.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.0 {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        // The current folder may be closed to the account.
        command.current_dir("/").env("LC_ALL", "C").env_remove("PGDATA");
        command
    }

    /// Gives a file or folder to this account.
    pub(super) fn own(self, path: &Path) -> anyhow::Result<()> {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid.as_raw()), Some(gid.as_raw()))
                .with_context(|| format!("cannot give {} away", path.display()))?;
        }
        Ok(())
    }
}
