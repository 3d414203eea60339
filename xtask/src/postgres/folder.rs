//! The cluster's temporary folder. It is locked while in use, so that the next run can tell a folder in use from one
//! that was left behind.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::account::Account;
use super::binaries::Binaries;
use crate::children;

const PREFIX: &str = "apiary-postgres-";
const LOCK: &str = "lock";

/// A locked folder of this run. Dropping it removes it with its content.
pub(super) struct Folder {
    path: tempfile::TempDir,
    _lock: File,
}

impl Folder {
    /// Makes a folder with an empty `data` and an empty `sockets` that belong to `account`.
    pub(super) fn make(account: Account) -> anyhow::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(parent())
            .context("cannot make a temporary folder")?;
        // Locked before it has its final name, so that no other run finds it unlocked and removes this folder.
        let unnamed = path.path().join("lock.new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, path.path().join(LOCK))?;
        let folder = Self { path, _lock: lock };
        for own in [folder.data(), folder.sockets()] {
            DirBuilder::new().mode(0o700).create(&own)?;
            account.own(&own)?;
        }
        Ok(folder)
    }

    /// Returns the folder of the cluster's data.
    pub(super) fn data(&self) -> PathBuf {
        self.path.path().join("data")
    }

    /// Returns the folder of its sockets.
    pub(super) fn sockets(&self) -> PathBuf {
        self.path.path().join("sockets")
    }

    /// Returns the path of its log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.path().join("postgres.log")
    }
}

/// Removes the folders, and stops the clusters, of runs that were killed.
pub(super) fn clean_up_after_others(account: Account, binaries: &Binaries) {
    for entry in fs::read_dir(parent()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Err(error) = clean_up(&entry.path(), account, binaries)
        {
            eprintln!("cannot remove {}, left behind by an earlier run: {error:#}", entry.path().display());
        }
    }
}

fn clean_up(folder: &Path, account: Account, binaries: &Binaries) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != nix::unistd::geteuid().as_raw() {
        // Not made by this account, whatever its name. A link here could lead to any folder.
        return Ok(());
    }
    let Ok(lock) = OpenOptions::new().write(true).open(folder.join(LOCK)) else { return Ok(()) };
    // In use: another run holds the lock for as long as it lives.
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let data = folder.join("data");
    if data.join("postmaster.pid").exists() {
        // Fails if it is not running any more, which is fine.
        let _ = children::output_of(
            account.command(&binaries.program("pg_ctl")).args(["stop", "--mode=immediate", "--wait", "-D"]).arg(&data),
        );
    }
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// Returns the system's folder for temporary files if Postgres's account can reach it, else `/tmp`.
fn parent() -> PathBuf {
    let chosen = std::env::temp_dir();
    let open = |folder: &Path| fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
    let reachable = !nix::unistd::geteuid().is_root() || chosen.ancestors().all(open);
    if reachable { chosen } else { PathBuf::from("/tmp") }
}
