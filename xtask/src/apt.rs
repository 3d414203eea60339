//! Installation of missing Debian packages, if this runs as root.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context as _, bail};

use crate::{children, workspace};

/// Installs packages, or returns the reason why it cannot.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    check_possible()?;
    update();
    eprintln!("installing {} with apt-get", packages.join(", "));
    let status = children::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages))?;
    if !status.success() {
        bail!("`apt-get install {}` failed ({status})", packages.join(" "));
    }
    Ok(())
}

/// Downloads a package and unpacks it into a folder, which appears whole or not at all. Nothing is installed, and no root is needed.
pub(crate) fn unpack(package: &str, folder: &Path) -> anyhow::Result<()> {
    if workspace::on_path("apt-get").is_empty() {
        bail!("there is no apt-get here");
    }
    if nix::unistd::geteuid().is_root() {
        update();
    }
    eprintln!("unpacking {package} in {}", folder.display());
    let parent = folder.parent().context("a folder within another")?;
    fs::create_dir_all(parent)?;
    let half = tempfile::tempdir_in(parent)?;
    if !children::run(apt_get().args(["download", package]).current_dir(half.path()))?.success() {
        bail!("`apt-get download {package}` failed: see above");
    }
    let files = fs::read_dir(half.path())?.collect::<Result<Vec<_>, _>>()?;
    let archive = files.iter().map(fs::DirEntry::path).find(|path| path.extension().is_some_and(|end| end == "deb"));
    let archive = archive.with_context(|| format!("`apt-get download {package}` left no package"))?;
    let content = half.path().join("content");
    if !children::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&content))?.success() {
        bail!("unpacking {package} failed: see above");
    }
    fs::rename(&content, folder).with_context(|| folder.display().to_string())
}

/// Returns the major version of a package that would be installed.
pub(crate) fn candidate_major(package: &str) -> anyhow::Result<u32> {
    check_possible()?;
    update();
    let shown = children::output_of(Command::new("apt-cache").args(["show", "--no-all-versions", package]))?;
    let version =
        shown.lines().find_map(|line| line.strip_prefix("Version: ")).context("apt-cache shows no version")?;
    let version = version.split_once(':').map_or(version, |(_epoch, version)| version);
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().with_context(|| format!("{package}'s version `{version}` starts with no number"))
}

fn check_possible() -> anyhow::Result<()> {
    if workspace::on_path("apt-get").is_empty() {
        bail!("there is no apt-get here");
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("only root may install it");
    }
    Ok(())
}

/// Fetches the package lists, once. A failure is ignored, because older lists may be enough.
fn update() {
    static UPDATED: Once = Once::new();
    UPDATED.call_once(|| match children::run(apt_get().arg("update")) {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("`apt-get update` failed ({status}); going on with the lists that are there"),
        Err(error) => eprintln!("`apt-get update`: {error:#}; going on with the lists that are there"),
    });
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}
