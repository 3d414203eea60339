//! `cargo xtask lint-units`: checks the units in `deploy/systemd` with systemd's own checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::{apt, children, workspace};

const UNITS: &str = "deploy/systemd";
/// The program's path in the units. It need not be installed here.
const PROGRAM: &str = "/usr/local/bin/apiary";
/// Greatest exposure, in tenths, by `systemd-analyze security`, whose scale ends at 10.
const EXPOSURE_MAX: &str = "20";

/// Checks each unit: no word of `verify`, and hardly any exposure.
pub(crate) fn run() -> anyhow::Result<()> {
    if workspace::on_path("systemd-analyze").is_empty() {
        apt::install(&["systemd"]).context("install systemd-analyze, of the package systemd")?;
    }
    let folder = tempfile::tempdir()?;
    let units = copies(folder.path())?;
    for unit in &units {
        verify(unit)?;
        if is_slice(unit) {
            continue;
        }
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE_MAX]).arg(unit);
        let shown = children::output_of(&mut security).with_context(|| unit.display().to_string())?;
        eprintln!("{}", shown.lines().last().unwrap_or_default().trim_start_matches("→ "));
    }
    eprintln!("{UNITS}: {} units pass", units.len());
    Ok(())
}

/// Copies the units, with a program that exists on every machine. A template becomes one of its units.
fn copies(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut units = Vec::new();
    for entry in fs::read_dir(workspace::root().join(UNITS)).context(UNITS)? {
        let path = entry?.path();
        let name = path.file_name().context("a file's name")?.to_string_lossy().replace("@.", "@finance.");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        ensure!(is_slice(&path) || text.contains(PROGRAM), "{}: it does not run {PROGRAM}", path.display());
        let copy = folder.join(name);
        fs::write(&copy, text.replace(PROGRAM, "/bin/true"))?;
        units.push(copy);
    }
    ensure!(!units.is_empty(), "{UNITS} has no unit");
    units.sort();
    Ok(units)
}

/// True for a slice, which runs nothing itself.
fn is_slice(unit: &Path) -> bool {
    unit.extension().is_some_and(|extension| extension == "slice")
}

fn verify(unit: &Path) -> anyhow::Result<()> {
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output()?;
    let words = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).trim().to_owned();
    if !verified.status.success() || !words.is_empty() {
        bail!("`systemd-analyze verify {}`: {words} ({})", unit.display(), verified.status);
    }
    Ok(())
}
