//! The SBOM: a list of the crates in the program, in CycloneDX, for those who watch dependencies for security holes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{children, workspace};

/// The tool that makes the list.
const TOOL: &str = "cargo-cyclonedx";
/// Stem of the list's file; the tool adds `.json`.
const STEM: &str = "apiary.cdx";

/// Writes the list into `folder`, with this time, in seconds since 1970. Returns false if the tool is not installed.
pub(super) fn write(folder: &Path, seconds: u64) -> anyhow::Result<bool> {
    if workspace::on_path(TOOL).is_empty() {
        return Ok(false);
    }
    // Run in a copy of the commit, because the tool writes a file beside each manifest.
    let copy = tempfile::tempdir()?;
    let packed = copy.path().join("commit.tar");
    let mut archive = Command::new("git");
    archive.args(["archive", "--format=tar", "HEAD", "--output"]).arg(&packed).current_dir(workspace::root());
    children::output_of(&mut archive)?;
    let sources = copy.path().join("sources");
    fs::create_dir(&sources)?;
    children::output_of(
        Command::new("tar").arg("--extract").arg("--file").arg(&packed).arg("--directory").arg(&sources),
    )?;
    let mut tool = workspace::cargo();
    tool.args(["cyclonedx", "--manifest-path", "cli/Cargo.toml", "--format", "json", "--spec-version", "1.5"])
        .args(["--all", "--no-build-deps", "--override-filename", STEM])
        // With it the list has the commit's time and no random number, so that the same commit gives the same bytes.
        .env("SOURCE_DATE_EPOCH", seconds.to_string())
        .current_dir(&sources);
    if !children::run(&mut tool)?.success() {
        bail!("{TOOL} failed");
    }
    let file = format!("{STEM}.json");
    let list = fs::read_to_string(sources.join("cli").join(&file)).context("the SBOM")?;
    // The tool names this project's own crates by their folder, which is temporary here.
    let own = format!("file://{}", fs::canonicalize(&sources)?.display());
    fs::write(folder.join(file), list.replace(&own, "file://."))?;
    Ok(true)
}
