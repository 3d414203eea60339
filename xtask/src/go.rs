//! Go, and the client written in it that tests run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{apt, children, workspace};

/// Builds the client and returns its program; installs Go if it is missing.
pub(crate) fn built() -> anyhow::Result<PathBuf> {
    if !works() {
        apt::install(&["golang-go"]).context("install Go 1.19 or newer")?;
        if !works() {
            bail!("Go was installed but does not work: install Go 1.19 or newer");
        }
    }
    let folder = workspace::target().join("tools/grpc-go");
    fs::create_dir_all(&folder)?;
    let program = folder.join("refusals");
    // Downloads exactly the versions in `go.sum`, nothing newer.
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(&program).arg(".");
    build.current_dir(workspace::root().join("tests/clients/go")).env("GOTOOLCHAIN", "local");
    if !children::run(&mut build)?.success() {
        bail!("`go build` failed in tests/clients/go: see above");
    }
    Ok(program)
}

fn works() -> bool {
    children::output_of(Command::new("go").arg("version")).is_ok()
}
