//! `cargo xtask lint-rules`: checks the alert rules in `deploy/prometheus`, and makes each alert fire, and not fire.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{apt, children, workspace};

const RULES: &str = "deploy/prometheus";
/// Commands of promtool, run in that folder.
const CHECKS: [&[&str]; 3] = [
    &["check", "rules", "rules.yml"],
    &["check", "config", "--syntax-only", "prometheus.yml"],
    &["test", "rules", "rules.test.yml"],
];

/// Runs promtool's checks.
pub(crate) fn run() -> anyhow::Result<()> {
    let promtool = promtool()?;
    for arguments in CHECKS {
        let status = children::run(Command::new(&promtool).args(arguments).current_dir(workspace::root().join(RULES)))?;
        if !status.success() {
            bail!("`promtool {}` in {RULES} failed: see above", arguments.join(" "));
        }
    }
    Ok(())
}

/// Returns promtool: the machine's, or that of Debian's package, unpacked in the build folder. An installed package would start a server.
fn promtool() -> anyhow::Result<PathBuf> {
    if let Some(installed) = workspace::on_path("promtool").into_iter().next() {
        return Ok(installed);
    }
    let folder = workspace::target().join("tools/prometheus");
    let unpacked = folder.join("usr/bin/promtool");
    if !unpacked.is_file() {
        apt::unpack("prometheus", &folder).context("install promtool, of the package prometheus")?;
    }
    Ok(unpacked)
}
