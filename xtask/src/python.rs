//! Python, and packages from PyPI in an environment of their own under the build folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{apt, children, workspace};

/// What the clients in `tests/clients/python` and the example in `docs/protocol.md` need, with exact versions.
const PACKAGES: [&str; 3] = ["grpcio==1.76.0", "grpcio-status==1.76.0", "cryptography==50.0.2"];
/// Names what is installed; written last, so that an interrupted installation is never taken for a whole one.
const INSTALLED: &str = "installed.txt";

/// Returns the Python that finds the packages; installs it and them where they are missing.
pub(crate) fn installed() -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join("tools/python");
    let python = folder.join("bin/python");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) && works(&python) {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    make_environment(&folder)?;
    eprintln!("installing {} with pip", PACKAGES.join(", "));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary", ":all:"])
        .args(PACKAGES);
    if !children::run(&mut pip)?.success() {
        bail!("pip cannot install {}", PACKAGES.join(", "));
    }
    fs::write(folder.join(INSTALLED), wanted)?;
    Ok(python)
}

fn make_environment(folder: &Path) -> anyhow::Result<()> {
    let make = || {
        let mut venv = Command::new("python3");
        children::output_of(venv.args(["-m", "venv"]).arg(folder))
    };
    if make().is_ok() {
        return Ok(());
    }
    apt::install(&["python3", "python3-venv"]).context("install Python 3.9 or newer, with its module venv")?;
    make()
        .context("Python was installed but makes no environment: install Python 3.9 or newer, with its module venv")?;
    Ok(())
}

fn works(python: &Path) -> bool {
    children::output_of(Command::new(python).arg("--version")).is_ok()
}
