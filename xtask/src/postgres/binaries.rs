//! Search for Postgres's server programs, which Debian keeps off `PATH`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::account::Account;
use crate::{apt, children, workspace};

/// The oldest Postgres that is still maintained.
const MAJOR_MIN: u32 = 14;

/// Folders with a subfolder for each version.
const VERSIONED: [&str; 3] = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/// A working installation of Postgres.
pub(super) struct Binaries {
    folder: PathBuf,
    /// Version for people, such as `15.18`.
    pub(super) version: String,
}

impl Binaries {
    /// Returns the path of one of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Finds all working installations: those on `PATH` first, then versioned folders, the newest first.
    pub(super) fn find(account: Account) -> Vec<Self> {
        let on_path = workspace::on_path("initdb");
        let mut folders: Vec<PathBuf> = on_path.iter().filter_map(|initdb| folder_of(initdb)).collect();
        folders.extend(versioned_folders());
        let mut found: Vec<Self> = Vec::new();
        for folder in folders {
            if !found.iter().any(|binaries| binaries.folder == folder) {
                found.extend(check(folder, account));
            }
        }
        found
    }

    /// Installs Postgres if none is found.
    pub(super) fn ensure(account: Account) -> anyhow::Result<()> {
        if !Self::find(account).is_empty() {
            return Ok(());
        }
        let advice = "install Postgres 14 or newer (Debian: `apt-get install postgresql`)";
        apt::install(&["postgresql"]).context(advice)?;
        anyhow::ensure!(!Self::find(account).is_empty(), "Postgres was installed but does not work: {advice}");
        Ok(())
    }
}

/// Returns the folder of a program with links resolved: on `PATH` there may only be a link to it.
fn folder_of(program: &Path) -> Option<PathBuf> {
    program.canonicalize().ok()?.parent().map(Path::to_path_buf)
}

fn versioned_folders() -> Vec<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = VERSIONED
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let major = name.to_str()?.trim_start_matches("postgresql@").parse().ok()?;
            Some((major, entry.path().join("bin").canonicalize().ok()?))
        })
        .collect();
    folders.sort_by(|left, right| right.cmp(left));
    folders.into_iter().map(|(_major, folder)| folder).collect()
}

/// Asks the programs for their version, as the account that will run them: a link or a script on `PATH` may be broken.
fn check(folder: PathBuf, account: Account) -> Option<Binaries> {
    let ask = |name: &str| children::output_of(account.command(&folder.join(name)).arg("--version")).ok();
    ask("initdb")?;
    ask("pg_ctl")?;
    // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    let version = ask("postgres")?.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?.to_owned();
    let major: u32 = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    (major >= MAJOR_MIN).then_some(Binaries { folder, version })
}
