//! Python, and packages from PyPI, kept under the build folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{apt, children, workspace};

/// List of the installed packages; written last, so that an interrupted installation is never taken for a complete one.
const INSTALLED: &str = "installed.txt";

/// Packages from PyPI, with their exact versions, in an environment of their own.
pub(crate) struct Environment {
    /// The folder's name under the build folder.
    pub(crate) folder: &'static str,
    /// The packages.
    pub(crate) packages: &'static [&'static str],
}

impl Environment {
    /// Returns the folder with Python and the packages' programs; installs them if they are missing.
    pub(crate) fn installed(&self) -> anyhow::Result<PathBuf> {
        let folder = workspace::target().join("tools").join(self.folder);
        let programs = folder.join("bin");
        let python = programs.join("python");
        let wanted = self.packages.join("\n");
        if fs::read_to_string(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) && works(&python) {
            return Ok(programs);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        make_environment(&folder)?;
        let names = self.packages.join(", ");
        eprintln!("installing {names} with pip");
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary", ":all:"])
            .args(self.packages);
        if !children::run(&mut pip)?.success() {
            bail!("pip cannot install {names}");
        }
        fs::write(folder.join(INSTALLED), wanted)?;
        Ok(programs)
    }
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
