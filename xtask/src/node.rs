//! Node, and programs from npm, kept under the build folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{apt, children, workspace};

/// Oldest version of Node for the packages, and the oldest one still maintained.
const NODE_MAJOR_MIN: u32 = 20;

/// A program from npm, with its exact version.
pub(crate) struct Package {
    /// The folder's name under the build folder.
    pub(crate) folder: &'static str,
    /// The package's name.
    pub(crate) name: &'static str,
    /// The exact version.
    pub(crate) version: &'static str,
    /// Packages required beside it, with their versions.
    pub(crate) peers: &'static [&'static str],
}

impl Package {
    /// Returns the folder with its `node_modules`; installs Node and the package if they are missing.
    pub(crate) fn installed(&self) -> anyhow::Result<PathBuf> {
        node()?;
        let folder = workspace::target().join("tools").join(self.folder);
        if !self.is_in(&folder) {
            self.install_into(&folder)
                .with_context(|| format!("cannot install {} {} from npm", self.name, self.version))?;
        }
        Ok(folder)
    }

    fn is_in(&self, folder: &Path) -> bool {
        let manifest = folder.join("node_modules").join(self.name).join("package.json");
        let version = format!("\"version\": \"{}\"", self.version);
        fs::read_to_string(manifest).is_ok_and(|manifest| manifest.contains(&version))
    }

    /// Installs beside the folder and renames, so that an interrupted installation is never taken for a complete one.
    fn install_into(&self, folder: &Path) -> anyhow::Result<()> {
        let parent = folder.parent().context("the folder has a parent")?;
        fs::create_dir_all(parent)?;
        let fresh = tempfile::Builder::new().prefix(&format!("{}.", self.folder)).tempdir_in(parent)?;
        eprintln!("installing {} {} with npm", self.name, self.version);
        let status = children::run(
            // No installation script of a third party's package runs here.
            Command::new("npm")
                .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
                .arg(fresh.path())
                .arg(format!("{}@{}", self.name, self.version))
                .args(self.peers)
                .current_dir(fresh.path()),
        )?;
        if !status.success() {
            bail!("npm failed ({status})");
        }
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(fresh.keep(), folder)?;
        Ok(())
    }
}

/// Installs Node and npm unless they are new enough.
fn node() -> anyhow::Result<()> {
    if let Some(major) = node_major()
        && npm_works()
    {
        if major < NODE_MAJOR_MIN {
            bail!("Node {major} is too old: install Node {NODE_MAJOR_MIN} or newer");
        }
        return Ok(());
    }
    install_node().with_context(|| format!("install Node {NODE_MAJOR_MIN} or newer, with npm"))?;
    match node_major() {
        Some(major) if major >= NODE_MAJOR_MIN && npm_works() => Ok(()),
        _ => bail!("Node was installed but does not work: install Node {NODE_MAJOR_MIN} or newer, with npm"),
    }
}

fn install_node() -> anyhow::Result<()> {
    let offered = apt::candidate_major("nodejs")?;
    if offered < NODE_MAJOR_MIN {
        bail!("apt-get offers Node {offered}, which is too old");
    }
    apt::install(&["nodejs"])?;
    // Debian's npm is a package of its own; the Node project's packages include it.
    if npm_works() { Ok(()) } else { apt::install(&["npm"]) }
}

fn node_major() -> Option<u32> {
    let version = children::output_of(Command::new("node").arg("--version")).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn npm_works() -> bool {
    children::output_of(Command::new("npm").arg("--version")).is_ok()
}
