//! `cargo xtask dist`: an archive for users without Rust, for this machine's own target, and its checksum.

mod archive;
mod glibc;
mod sbom;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{children, workspace};

/// The shells, and the name of each one's completion file.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "apiary"), ("zsh", "_apiary"), ("fish", "apiary.fish")];
/// Documents at the root of the archive.
const DOCUMENTS: [&str; 4] = ["LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"];
/// Folder of the systemd units, if any.
const UNITS: &str = "deploy/systemd";
/// File with the digest of the archive, in the format of `sha256sum --check`.
const CHECKSUMS: &str = "SHA256SUMS";

/// The program to pack, and the folder for the archive.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Packs this program, built for this machine's target, instead of a release build.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Puts the archive into this folder, instead of `dist` in the build folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Makes the archive and the checksums, and prints their paths.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| format!("cannot find {}", binary.display()))?,
        None => release()?,
    };
    let out = arguments.out.clone().unwrap_or_else(|| workspace::target().join("dist"));
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let name = name(&version(&binary)?, &target()?, glibc::needed_by(&binary)?);
    let staging = tempfile::tempdir()?;
    let folder = staging.path().join(&name);
    fs::create_dir(&folder)?;
    fill(&folder, &binary)?;
    let seconds = commit_time()?;
    if !sbom::write(&folder, seconds)? {
        eprintln!("no SBOM: `cargo install cargo-cyclonedx --locked` adds one");
    }
    let archive = out.join(format!("{name}.tar.gz"));
    archive::write(staging.path(), &name, seconds, &archive)?;
    let file = archive.file_name().context("an archive has a name")?;
    let digest = children::output_of(Command::new("sha256sum").arg(file).current_dir(&out))?;
    fs::write(out.join(CHECKSUMS), digest)?;
    println!("{}\n{}", archive.display(), out.join(CHECKSUMS).display());
    Ok(())
}

/// Builds the release, with exactly the versions in the lock file.
fn release() -> anyhow::Result<PathBuf> {
    let mut build = workspace::cargo();
    if !children::run(build.args(["build", "--release", "--locked", "--package", "apiary", "--bin", "apiary"]))?
        .success()
    {
        bail!("the release does not build");
    }
    Ok(workspace::target().join("release/apiary"))
}

/// Returns the name of archive and folder: version, target and, if the program needs it, the oldest glibc that works.
fn name(version: &str, target: &str, glibc: Option<glibc::Version>) -> String {
    match glibc {
        Some(glibc) => format!("apiary-{version}-{target}-glibc{glibc}"),
        None => format!("apiary-{version}-{target}"),
    }
}

fn fill(folder: &Path, binary: &Path) -> anyhow::Result<()> {
    let program = folder.join("apiary");
    fs::copy(binary, &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    for document in DOCUMENTS {
        fs::copy(workspace::root().join(document), folder.join(document)).with_context(|| document.to_owned())?;
    }
    let completions = folder.join("completions");
    fs::create_dir(&completions)?;
    for (shell, file) in COMPLETIONS {
        let script = children::output_of(Command::new(&program).args(["completions", shell]))?;
        fs::write(completions.join(file), script)?;
    }
    children::output_of(Command::new(&program).arg("man").arg(folder.join("man/man1")))?;
    let units = workspace::root().join(UNITS);
    if units.is_dir() {
        let to = folder.join("systemd");
        fs::create_dir(&to)?;
        for unit in fs::read_dir(units)? {
            let unit = unit?;
            fs::copy(unit.path(), to.join(unit.file_name()))?;
        }
    }
    Ok(())
}

/// Returns the version that the program prints.
fn version(binary: &Path) -> anyhow::Result<String> {
    let said = children::output_of(Command::new(binary).arg("--version"))?;
    let version = said.split_whitespace().nth(1);
    version.map(str::to_owned).with_context(|| format!("{} says no version: {said}", binary.display()))
}

/// Returns the target of this machine's compiler.
fn target() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = children::output_of(Command::new(rustc).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

/// Returns the time of every file in the archive, in seconds since 1970: that of the commit, so that the same commit
/// makes the same archive. Without git, `SOURCE_DATE_EPOCH` gives it.
fn commit_time() -> anyhow::Result<u64> {
    let said = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds,
        Err(_) => {
            children::output_of(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()))
                .context("no commit's time: set SOURCE_DATE_EPOCH")?
        }
    };
    said.trim().parse().with_context(|| format!("no time in seconds: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archives_name_says_what_it_runs_on() {
        let target = "x86_64-unknown-linux-gnu";
        assert_eq!(
            name("0.1.0", target, glibc::highest("Name: GLIBC_2.34 Flags: none")),
            "apiary-0.1.0-x86_64-unknown-linux-gnu-glibc2.34"
        );
        assert_eq!(name("0.1.0", "x86_64-unknown-linux-musl", None), "apiary-0.1.0-x86_64-unknown-linux-musl");
    }
}
